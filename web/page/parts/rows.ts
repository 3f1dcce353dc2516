// From the log's entries and what is unsent to the rows that are shown: messages, those of one
// author in a run, the days between them, and where what is new begins.

import type { Entry, Outgoing, Position } from "../../client/index.ts";

/** Longest pause within a run of one author's messages, and longest run. */
const RUN_PAUSE_MS = 5 * 60_000;
const RUN_LENGTH_MS = 20 * 60_000;

/** One message, as it is shown. */
export interface Said {
  kind: "said";
  /** The same from the moment of writing to the place in the log, so that it settles in place. */
  key: string;
  user: string;
  name: string;
  text: string;
  at: number;
  own: boolean;
  /** Whether it opens a run, and shows its author. */
  opens: boolean;
  /** Its place in the log, once it is known. */
  epoch?: string;
  offset?: number;
  /** What it answers. */
  quote?: Quote;
  /** What has not yet been seen in the log. */
  unsent?: Outgoing;
}

/** The message that another one answers; without words where it is not among the rows. */
export interface Quote {
  epoch: string;
  offset: number;
  name?: string;
  text?: string;
}

/** A day begins. */
export interface Day {
  kind: "day";
  key: string;
  at: number;
}

/** What follows was not read before. */
export interface New {
  kind: "new";
  key: "new";
}

export type Row = Said | Day | New;

/** What the rows are made of. */
export interface Talk {
  entries: readonly Entry[];
  outgoing: readonly Outgoing[];
  /** Whether the log goes on behind the entries. */
  behind: boolean;
  me: { user: string; name: string } | undefined;
  /** Up to where the room was read when it was opened, if it goes on behind that. */
  unreadFrom?: Position | undefined;
}

/** Entries that are drawn while the end is being read: some screens full. */
export const DRAWN_AT_END = 120;

/** The last entries, as many as are drawn at the end; what is new is among them. */
export function lately(entries: readonly Entry[], from: Position | undefined): readonly Entry[] {
  const start = entries.length - DRAWN_AT_END;
  if (start <= 0) return entries;
  const firstNew = entries[start - 1];
  if (firstNew !== undefined && isNew(firstNew, from)) return entries;
  return entries.slice(start);
}

/** The row that was last made of an entry: what has not changed need not be drawn again. */
const made = new WeakMap<Entry | Outgoing, Said>();

/** The rows of a conversation, ascending. */
export function rowsOf({ entries, outgoing, behind, me, unreadFrom }: Talk): Row[] {
  const rows = new Rows();
  for (const entry of entries) {
    if (entry.kind !== "message" || entry.text === undefined) continue;
    const { user, name = "", text, at, id, offset, epoch, replyTo } = entry;
    if (isNew(entry, unreadFrom)) rows.newFromHere();
    // An id may come again once the log has forgotten it.
    const key = rows.has(keyOf(user, id)) ? `${keyOf(user, id)} ${offset}` : keyOf(user, id);
    const quote = rows.quoted(replyTo);
    rows.add(entry, { key, user, name, text, at, epoch, offset, own: user === me?.user, ...quote });
  }
  for (const unsent of outgoing) {
    // What is placed behind entries that we don't hold would stand at the wrong place.
    if (unsent.state === "placed" && behind) continue;
    const { user, name } = me ?? { user: "", name: "" };
    const { text, at } = unsent;
    const key = keyOf(user, unsent.id);
    const quote = rows.quoted(unsent.replyTo);
    if (!rows.has(key))
      rows.add(unsent, { key, user, name, text, at, own: true, unsent, ...quote });
  }
  return rows.all;
}

/** Rows in the making. */
class Rows {
  readonly all: Row[] = [];
  readonly #keys = new Set<string>();
  readonly #byPlace = new Map<number, Said>();
  #isNew = false;
  #before: Said | undefined;
  #runStart = 0;
  #day: string | undefined;

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** What comes now is new, unless that was said before. */
  newFromHere(): void {
    if (this.#isNew) return;
    this.#isNew = true;
    // The day's own row stands before it.
    this.#before = undefined;
  }

  /** The message at a place, as another one quotes it. */
  quoted(place: Position | undefined): { quote?: Quote } {
    if (place === undefined) return {};
    const { epoch, offset } = place;
    const said = this.#byPlace.get(offset);
    if (said?.epoch !== epoch) return { quote: { epoch, offset } };
    const { name, text } = said;
    return { quote: { epoch, offset, name, text } };
  }

  add(from: Entry | Outgoing, what: Omit<Said, "kind" | "opens">): void {
    const day = new Date(what.at).toDateString();
    if (day !== this.#day) {
      // The first day's row keeps its key when older messages of that day come before it.
      this.all.push({ kind: "day", key: `${day} ${this.#day ?? ""}`, at: what.at });
      this.#day = day;
      this.#before = undefined;
    }
    if (this.#isNew && !this.#keys.has("new")) {
      this.#keys.add("new");
      this.all.push({ kind: "new", key: "new" });
    }
    const opens = this.#before === undefined || !continues(this.#before, this.#runStart, what);
    if (opens) this.#runStart = what.at;
    const said: Said = { kind: "said", opens, ...what };
    const last = made.get(from);
    this.#before = last !== undefined && isSame(last, said) ? last : said;
    made.set(from, this.#before);
    this.#keys.add(what.key);
    if (what.offset !== undefined) this.#byPlace.set(what.offset, this.#before);
    this.all.push(this.#before);
  }
}

function isSame(a: Said, b: Said): boolean {
  const alike = a.key === b.key && a.opens === b.opens && a.own === b.own && a.name === b.name;
  return alike && a.quote?.text === b.quote?.text && a.quote?.name === b.quote?.name;
}

const isNew = ({ epoch, offset }: Entry, from: Position | undefined) =>
  from !== undefined && (from.epoch !== epoch || offset > from.offset);

function continues(before: Said, start: number, said: Omit<Said, "kind" | "opens">): boolean {
  return (
    before.user === said.user &&
    before.name === said.name &&
    said.at - before.at <= RUN_PAUSE_MS &&
    said.at - start <= RUN_LENGTH_MS
  );
}

const keyOf = (user: string, id: string) => `${user}/${id}`;
