// One room as a client lives it: it joins again after every reconnect from where it was, closes
// holes, pages both ways, and has said what is in its outbox. What the log means is timeline.ts'
// part, what is unsent outbox.ts'; the connection is given.

import { Unanswered } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { Outbox, type Outgoing } from "./outbox.ts";
import type {
  Answer,
  Command,
  Entry,
  Joined,
  Position,
  Refusal,
  Stretch,
  Takes,
} from "./protocol.ts";
import { ENTRIES_MAX, type Next, Timeline } from "./timeline.ts";

/** Entries of a page. Two pages and what is held meanwhile fit into a timeline. */
export const PAGE = 100;

/** Wait before a `join` or a page that could not be had is asked for again. */
export const RETRY_MS = 2_000;

/** What a room needs of a connection. */
export interface Link {
  readonly online: boolean;
  /** Whether we are this user, or were before a reconnect. */
  isOwn(user: string): boolean;
  request<C extends Command>(command: C, takes: Takes<C>): Promise<Answer<C>>;
}

/** How a room is lived in. */
export interface RoomOptions {
  /**
   * Reads everything that was missed, however much it is. Otherwise one page of it is read at a
   * reconnect, and the rest when `loadNewer` asks for it.
   */
  catchUp?: boolean;
  /** What an earlier life of the page left unsent. */
  unsent?: readonly Outgoing[];
  /** Makes the id of a message. */
  newId?: () => string;
  /** Calls later, and returns what calls it off. */
  later?: (ms: number, then: () => void) => () => void;
}

interface Heard {
  /** Something of the room is not as it was. */
  change: undefined;
  /** An entry came behind the others: each one once, in order. Not live: it had been missed. */
  entry: { entry: Entry; live: boolean };
  /** Back after a while, with so many entries missed; they are here, or can be paged. */
  recovered: { count: number };
  /** Something in between can't be had any more. `restarted`: the log itself lost its past. */
  reset: { restarted: boolean };
}

/** `away`: not connected, or not yet joined. `refused`: the server does not let us in. */
export type RoomPhase = "away" | "joined" | "refused";

export class Room extends Emitter<Heard> {
  key: string;
  phase: RoomPhase = "away";
  refusal: Refusal | undefined;
  /** Which way a page is being read. */
  loading: { older: boolean; newer: boolean } = { older: false, newer: false };

  readonly #link: Link;
  readonly #timeline = new Timeline();
  readonly #outbox: Outbox;
  readonly #catchUp: boolean;
  readonly #newId: () => string;
  readonly #later: (ms: number, then: () => void) => () => void;
  #callOffRetry: (() => void) | undefined;
  #callOffSend: (() => void) | undefined;
  /** Counts connections and fresh starts: an answer to an earlier one means nothing any more. */
  #life = 0;
  /** Up to where `entry` has been told. */
  #told: Position | undefined;
  /** The epoch that was being read when a stretch turned out to be lost; told once joined again. */
  #lostFrom: string | undefined;

  constructor(link: Link, key: string, options: RoomOptions = {}) {
    super();
    this.#link = link;
    this.key = key;
    this.#outbox = new Outbox(options.unsent);
    this.#catchUp = options.catchUp ?? true;
    this.#newId = options.newId ?? (() => crypto.randomUUID());
    this.#later = options.later ?? laterByTimer;
  }

  /** The stretch of the log that we hold, without holes. */
  get entries(): readonly Entry[] {
    return this.#timeline.entries;
  }

  /** What we wrote and have not yet seen in the log. */
  get outgoing(): readonly Outgoing[] {
    return this.#outbox.items;
  }

  /** Whether there may be more before the first entry. */
  get older(): boolean {
    return this.#timeline.older;
  }

  /** How many entries are known to be behind the last one that we hold. */
  get ahead(): number {
    return Math.max(0, this.#timeline.head - this.#timeline.last);
  }

  /** The newest offset that we have heard of. */
  get head(): number {
    return this.#timeline.head;
  }

  /** Whether the end is being read, and so kept. */
  get following(): boolean {
    return this.#timeline.following;
  }

  /** The connection stands: enters, from where we were. */
  enter(): void {
    this.#life += 1;
    void this.#join(this.#timeline.position);
  }

  /** The connection is gone. */
  lost(): void {
    this.#life += 1;
    if (this.phase === "joined") this.phase = "away";
    this.loading = { older: false, newer: false };
    this.#callOffRetry?.();
    this.#callOffSend?.();
    this.#callOffSend = undefined;
    this.#outbox.interrupted();
    this.emit("change", undefined);
  }

  /** A live entry of this room. */
  live(entry: Entry): void {
    this.#take(true, () => this.#timeline.live(entry));
  }

  /** The log of this room lost its past. */
  restarted(): void {
    this.#startAfresh();
    this.emit("change", undefined);
  }

  /** Says something, as soon as possible. `false` where too much waits already. */
  send(text: string): boolean {
    const message = { id: this.#newId(), text, at: Date.now() };
    const added = this.#outbox.add(message, this.phase === "joined");
    if (added) this.#pump();
    this.emit("change", undefined);
    return added;
  }

  /** Sends again what was refused. */
  retry(id: string): void {
    this.#outbox.retry(id);
    this.#pump();
    this.emit("change", undefined);
  }

  /** Takes back what is not yet in the log. */
  cancel(id: string): Outgoing | undefined {
    const item = this.#outbox.cancel(id);
    this.emit("change", undefined);
    return item;
  }

  /** Says whether the end is being read. */
  follow(following: boolean): void {
    if (following === this.following) return;
    this.#take(false, () => this.#timeline.follow(following));
  }

  /** Reads a page of what comes before. */
  async loadOlder(): Promise<void> {
    const full = this.following && this.entries.length >= ENTRIES_MAX;
    if (this.phase !== "joined" || this.loading.older || !this.older || full) return;
    const before = this.entries[0]?.offset ?? this.#timeline.last + 1;
    await this.#page("older", { before }, (page) => this.#timeline.pagedBefore(page));
  }

  /** Reads a page of what comes after. */
  async loadNewer(): Promise<void> {
    if (this.phase !== "joined" || this.loading.newer || this.ahead === 0) return;
    const after = this.#timeline.last;
    await this.#page("newer", { after }, (page) => this.#timeline.pagedAfter(page));
  }

  /** Leaves the place that is being read for the newest entries. */
  async jumpToNewest(): Promise<void> {
    if (this.ahead > 0 && this.phase === "joined") {
      this.#life += 1;
      this.loading = { older: false, newer: false };
      await this.#join(undefined);
    }
    this.follow(true);
  }

  async #join(after: Position | undefined): Promise<void> {
    const life = this.#life;
    this.#callOffRetry?.();
    const takes = { room: this.key, limit: PAGE, ...(after === undefined ? {} : { after }) };
    const answer = await answerTo(this.#link.request("join", takes));
    if (life !== this.#life) return;
    if (answer === undefined || (!answer.ok && isPassing(answer.error))) {
      const ms = answer?.error.retryAfterMs ?? RETRY_MS;
      this.#callOffRetry = this.#later(ms, () => void this.#join(after));
    } else if (answer.ok) {
      this.#joined(answer, after);
    } else {
      this.phase = "refused";
      this.refusal = answer.error;
      this.emit("change", undefined);
    }
  }

  #joined(answer: Joined, after: Position | undefined): void {
    this.key = answer.room;
    this.phase = "joined";
    this.refusal = undefined;
    const continues = after !== undefined && answer.reset !== true;
    const missed = answer.head - this.head;
    // A long absence is not scrolled past: what was being read stays, and the rest can be paged.
    if (continues && answer.more && !this.#catchUp) this.#timeline.follow(false);
    if (answer.reset === true) this.#lostFrom ??= after?.epoch;
    for (const entry of answer.entries) this.#sawOwn(entry);
    if (!continues) this.#told = { epoch: answer.epoch, offset: answer.head };
    this.#take(false, () => this.#timeline.joined(answer, after));
    if (!this.#isJoined()) return;
    const lostFrom = this.#lostFrom;
    this.#lostFrom = undefined;
    if (!continues && lostFrom !== undefined) {
      this.emit("reset", { restarted: lostFrom !== answer.epoch });
    } else if (continues && missed > 0) {
      this.emit("recovered", { count: missed });
    }
    this.#pump();
  }

  async #page(
    way: "older" | "newer",
    range: { before: number } | { after: number },
    take: (page: Stretch) => Next,
  ): Promise<void> {
    const life = this.#life;
    this.loading = { ...this.loading, [way]: true };
    this.emit("change", undefined);
    const request = this.#link.request("history", { room: this.key, limit: PAGE, ...range });
    const answer = await answerTo(request);
    if (life !== this.#life) return;
    if (answer?.ok === true) {
      this.loading = { ...this.loading, [way]: false };
      this.#take(false, () => take(answer));
      return;
    }
    // Asked for again only after a while, so that an unreachable log is not hammered.
    this.#callOffRetry?.();
    this.#callOffRetry = this.#later(answer?.error.retryAfterMs ?? RETRY_MS, () => {
      this.loading = { older: false, newer: false };
      this.emit("change", undefined);
      this.#readOn();
    });
  }

  /** Lets the timeline take something, tells of what came behind, and does what is next. */
  #take(live: boolean, take: () => Next): void {
    const next = take();
    this.#told ??= this.#timeline.position;
    for (const entry of this.entries) {
      if (this.#told === undefined || entry.epoch !== this.#told.epoch) break;
      if (entry.offset <= this.#told.offset) continue;
      this.#told = { epoch: entry.epoch, offset: entry.offset };
      this.#sawOwn(entry);
      this.emit("entry", { entry, live });
    }
    const { position } = this.#timeline;
    if (position !== undefined) this.#outbox.covered(position);
    if (next === "rejoin") this.#startAfresh();
    else this.#readOn();
    this.emit("change", undefined);
  }

  /** Closes what is missing at the end, where the end is being read. */
  #readOn(): void {
    if (this.following && this.ahead > 0) void this.loadNewer();
  }

  /** What we hold can't be continued: takes the newest entries in its place, and says so. */
  #startAfresh(): void {
    if (this.phase !== "joined") return;
    this.phase = "away";
    this.#life += 1;
    this.loading = { older: false, newer: false };
    this.#lostFrom = this.#timeline.epoch;
    void this.#join(undefined);
  }

  #isJoined(): boolean {
    return this.phase === "joined";
  }

  #sawOwn(entry: Entry): void {
    if (this.#link.isOwn(entry.user)) this.#outbox.seen(entry);
  }

  /** Sends the next message, if none is on its way. */
  #pump(): void {
    if (this.phase !== "joined" || this.#callOffSend !== undefined) return;
    const item = this.#outbox.next();
    if (item !== undefined) void this.#send(item);
  }

  async #send({ id, text }: Outgoing): Promise<void> {
    const answer = await answerTo(this.#link.request("send", { room: this.key, id, text }));
    const ms =
      answer === undefined ? this.#outbox.unanswered(id) : this.#outbox.answered(id, answer);
    const { position } = this.#timeline;
    if (position !== undefined) this.#outbox.covered(position);
    if (ms > 0 && this.phase === "joined") {
      this.#callOffSend = this.#later(ms, () => {
        this.#callOffSend = undefined;
        this.#pump();
      });
    }
    this.#pump();
    this.emit("change", undefined);
  }
}

/** The answer, or `undefined` where none came. */
async function answerTo<A>(request: Promise<A>): Promise<A | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof Unanswered) return undefined;
    throw error;
  }
}

function isPassing(refusal: Refusal): boolean {
  return refusal.code === "unavailable" || refusal.code === "rate_limited";
}

function laterByTimer(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
}
