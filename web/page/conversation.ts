// The open room as signals: what the client's room tells, what was written and not yet sent, and
// what has come while nobody was looking.

import { computed, effect, signal, untracked } from "@preact/signals";
import type { Outgoing, Palabre, Room } from "../client/index.ts";
import { me, palabre } from "./connection.ts";
import { rowsOf } from "./parts/rows.ts";
import { openRoom } from "./route.ts";
import { ofThisTab } from "./storage.ts";

/** Messages that a screen reader is still told of, at most. */
const ANNOUNCED_MAX = 5;

/** How long it is said that one is up to date. */
const RECOVERED_SHOWN_MS = 5_000;

/** What happened to the conversation and should be said once. */
export type Happening =
  | { kind: "recovered"; count: number; all: boolean }
  | { kind: "reset"; restarted: boolean };

/** The client's room, and how often it has changed. */
const current = signal<{ room: Room; change: number } | undefined>(undefined);

/** What is being written. */
export const draft = signal("");

export const happening = signal<Happening | undefined>(undefined);

/** What came in last, for those who listen: by the order of coming. */
export const announced = signal<readonly { key: number; name: string; text: string }[]>([]);

/** The room as it is now. */
export const talk = computed(() => {
  const room = current.value?.room;
  if (room === undefined) return undefined;
  const { key, phase, refusal, entries, outgoing, older, ahead, head, following, loading } = room;
  return { key, phase, refusal, entries, outgoing, older, ahead, head, following, loading };
});

export const rows = computed(() => {
  if (talk.value === undefined) return [];
  const { entries, outgoing, ahead } = talk.value;
  return rowsOf({ entries, outgoing, behind: ahead > 0, me: me.value });
});

/** Up to where the conversation has been on the screen. */
const seen = signal(0);

/** How many messages came in below what is being read. */
export const fresh = computed(() => {
  const { following = true, head = 0 } = talk.value ?? {};
  return following ? 0 : Math.max(0, head - seen.value);
});

effect(() => {
  if (talk.value?.following) seen.value = talk.value.head;
});

/** What the page does to the room; each one does nothing while there is none. */
export const act = {
  /** Says what was written. `false` where too much waits already. */
  say(text: string): boolean {
    const sent = current.value?.room.send(text) ?? false;
    if (sent) void current.value?.room.jumpToNewest();
    return sent;
  },
  retry: (id: string) => current.value?.room.retry(id),
  /** Takes an unsent message back into what is being written. */
  takeBack(id: string): void {
    const item = current.value?.room.cancel(id);
    if (item === undefined) return;
    write(draft.value === "" ? item.text : `${item.text}\n${draft.value}`);
  },
  loadOlder: () => void current.value?.room.loadOlder(),
  loadNewer: () => void current.value?.room.loadNewer(),
  follow: (following: boolean) => current.value?.room.follow(following),
  jumpToNewest: () => void current.value?.room.jumpToNewest(),
};

/** Changes what is being written. */
export function write(text: string): void {
  draft.value = text;
  const key = openRoom.value;
  if (key !== undefined) ofThisTab.set(`draft:${key}`, text === "" ? undefined : text);
}

effect(() => {
  const client = palabre.value;
  const key = openRoom.value;
  if (client === undefined || key === undefined) return;
  return untracked(() => live(client, key));
});

/** Lives in a room until the function that is returned is called. */
function live(client: Palabre, key: string): () => void {
  const room = client.join(key, { catchUp: false, unsent: unsentOf(key) });
  const changed = () => {
    current.value = { room, change: (current.peek()?.change ?? 0) + 1 };
    const left = room.outgoing.filter((item) => item.state !== "placed");
    ofThisTab.set(`unsent:${key}`, left.length === 0 ? undefined : JSON.stringify(left));
  };
  room.on("change", changed);
  room.on("entry", ({ entry, live }) => {
    const { user, name = "", text, offset } = entry;
    if (!live || text === undefined || user === client.welcome?.user) return;
    const next = { key: offset, name, text };
    announced.value = [...announced.value, next].slice(-ANNOUNCED_MAX);
  });
  room.on("recovered", ({ count }) => {
    happen({ kind: "recovered", count, all: room.ahead === 0 });
  });
  room.on("reset", ({ restarted }) => happen({ kind: "reset", restarted }));
  changed();
  draft.value = ofThisTab.get(`draft:${key}`) ?? "";
  return () => {
    void client.leave(room);
    current.value = undefined;
    announced.value = [];
    happening.value = undefined;
  };
}

function happen(what: Happening): void {
  happening.value = what;
  if (what.kind === "reset") return;
  setTimeout(() => {
    if (happening.peek() === what) happening.value = undefined;
  }, RECOVERED_SHOWN_MS);
}

function unsentOf(key: string): Outgoing[] {
  try {
    const kept: unknown = JSON.parse(ofThisTab.get(`unsent:${key}`) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isOutgoing) : [];
  } catch {
    return [];
  }
}

function isOutgoing(item: unknown): item is Outgoing {
  if (typeof item !== "object" || item === null) return false;
  const { id, text, at } = item as Partial<Record<string, unknown>>;
  return typeof id === "string" && typeof text === "string" && typeof at === "number";
}
