// The open room as signals: what the client's room tells, what was written and not yet sent, and
// what has come while nobody was looking.

import { batch, computed, effect, signal, untracked } from "@preact/signals";
import type { Palabre, Person, Position, Room } from "../client/index.ts";
import { me, palabre, welcome } from "./connection.ts";
import { oncePerFrame } from "./frames.ts";
import { lately, rowsOf } from "./parts/rows.ts";
import { enter } from "./rooms.ts";
import { namedPlace, openRoom } from "./route.ts";
import { ofThisTab } from "./storage.ts";

export { openKey } from "./rooms.ts";

/** Messages that a screen reader is still told of, at most. */
const ANNOUNCED_MAX = 5;

/** How long what is only good to know is shown. */
const SHOWN_MS = 5_000;

/** Messages whose way is being timed, at most. */
const TIMED_MAX = 50;

/** What happened to the conversation and should be said once. */
export type Happening =
  | { kind: "recovered"; count: number; all: boolean }
  | { kind: "reset"; restarted: boolean }
  | { kind: "copied"; said: string };

/** The message that is being answered. */
export interface Answering {
  to: Position;
  name: string;
  text: string;
}

/** The client's room, and how often it has changed. */
const current = signal<{ room: Room; change: number } | undefined>(undefined);

/** What is being written. */
export const draft = signal("");

export const answering = signal<Answering | undefined>(undefined);

/** What is the matter with what is being written. */
export const trouble = signal<string | undefined>(undefined);

export const happening = signal<Happening | undefined>(undefined);

/** What came in last, for those who listen: by the order of coming. */
export const announced = signal<readonly { key: number; name: string; text: string }[]>([]);

/** Up to where the room was read when it was opened or come back to: what follows is new. */
const unreadFrom = signal<Position | undefined>(undefined);

/** The message to be shown next, as soon as it is there. */
export const sought = signal<Position | undefined>(undefined);

/** How our last message went: through which instance, to where, and how long that took. */
export const lastWay = signal<{ instance: string; offset: number; ms: number } | undefined>(
  undefined,
);

/** The room as it is now. */
export const talk = computed(() => {
  const room = current.value?.room;
  if (room === undefined) return undefined;
  const { key, phase, refusal, entries, outgoing, older, ahead, following, unread, loading } = room;
  return { key, phase, refusal, entries, outgoing, older, ahead, following, unread, loading };
});

/** Whether the server does not let us in. */
export const isClosed = computed(() => talk.value?.phase === "refused");

/** What the open room is called. */
export const title = computed(() => {
  const room = current.value?.room;
  return room?.title ?? room?.key ?? openRoom.value ?? "";
});

/** Whether more was said than is drawn, or held. */
export const hasMore = computed(() => {
  const { older = false, entries = [], following } = talk.value ?? {};
  return older || (following === true && lately(entries, unreadFrom.value) !== entries);
});

export const rows = computed(() => {
  if (talk.value === undefined) return [];
  const { entries, outgoing, ahead, following } = talk.value;
  const from = unreadFrom.value;
  const drawn = following ? lately(entries, from) : entries;
  return rowsOf({ entries: drawn, outgoing, behind: ahead > 0, me: me.value, unreadFrom: from });
});

/** Who else is writing now. */
export const writing = computed<readonly Person[]>(() => current.value?.room.typists ?? []);

/** How many messages stand unread below what is being read. */
export const fresh = computed(() => {
  const { following = true, unread = 0 } = talk.value ?? {};
  return following ? 0 : unread;
});

/** Whether what is written is to be said as soon as there is a room. */
let eager = false;

/** What the page does to the room; each one does nothing while there is none. */
export const act = {
  /** Says what was written, and clears it. `false` where too much waits already. */
  say(text: string): boolean {
    const room = current.peek()?.room;
    eager = room === undefined;
    if (room === undefined) return true;
    if (!room.send(text, { replyTo: answering.peek()?.to })) return false;
    write("");
    time(room);
    answering.value = undefined;
    unreadFrom.value = undefined;
    act.jumpToNewest();
    return true;
  },
  retry: (id: string) => current.peek()?.room.retry(id),
  /** Takes an unsent message back into what is being written. */
  takeBack(id: string): void {
    const item = current.peek()?.room.cancel(id);
    if (item === undefined) return;
    write(draft.value === "" ? item.text : `${item.text}\n${draft.value}`);
  },
  /** Somebody has looked at everything up to here, or at all of it. */
  read(upTo?: Position): void {
    if (!document.hidden) current.peek()?.room.read(upTo);
  },
  loadOlder: () => void current.peek()?.room.loadOlder(),
  loadNewer: () => void current.peek()?.room.loadNewer(),
  /** Whether the end is being read; so at once, when `talk` only tells at the next frame. */
  isFollowing: () => current.peek()?.room.following ?? true,
  follow: (following: boolean) => current.peek()?.room.follow(following),
  /** Shows the message at a place, however far away it is. */
  goTo({ epoch, offset }: Position): void {
    sought.value = { epoch, offset };
    current.peek()?.room.show({ epoch, offset });
  },
  jumpToNewest(): void {
    sought.value = undefined;
    void current.peek()?.room.jumpToNewest();
  },
};

/** Changes what is being written. */
export function write(text: string): void {
  draft.value = text;
  trouble.value = undefined;
  const room = current.peek()?.room;
  if (room === undefined) return;
  room.typing(text !== "");
  ofThisTab.set(`draft:${room.key}`, text === "" ? undefined : text);
}

/** Says something once, for a while. */
export function happen(what: Happening): void {
  happening.value = what;
  if (what.kind === "reset") return;
  setTimeout(() => {
    if (happening.peek() === what) happening.value = undefined;
  }, SHOWN_MS);
}

effect(() => {
  const client = palabre.value;
  const key = openRoom.value;
  if (client === undefined || key === undefined) return;
  return untracked(() => live(client, key));
});

/** Lives in a room until the function that is returned is called. */
function live(client: Palabre, key: string): () => void {
  const isNew = client.room(key) === undefined;
  const room = enter(client, key, false);
  // What was written before there was any room to write it in.
  const early = draft.peek();
  let opened = false;
  let heard: typeof announced.value = [];
  // Not at the next frame only: what comes in until then is not what was missed.
  const opens = () => {
    if (opened || room.phase !== "joined") return;
    opened = true;
    mark(room);
  };
  const changed = () => {
    announced.value = heard;
    current.value = { room, change: (current.peek()?.change ?? 0) + 1 };
  };
  const ends = [
    room.on("change", opens),
    room.on(
      "change",
      oncePerFrame(() => current.peek()?.room === room && changed()),
    ),
    room.on("entry", ({ entry, live }) => {
      const { user, name = "", text, offset } = entry;
      arrived(entry.id, offset);
      if (!live || text === undefined || client.connection.isOwn(user)) return;
      heard = [...heard, { key: offset, name, text }].slice(-ANNOUNCED_MAX);
    }),
    room.on("recovered", ({ count }) => {
      happen({ kind: "recovered", count, all: room.ahead === 0 });
    }),
    room.on("reset", ({ restarted }) => happen({ kind: "reset", restarted })),
  ];
  if (!isNew) room.show("unread");
  seekNamed(room);
  opens();
  changed();
  if (early === "") draft.value = ofThisTab.get(`draft:${room.key}`) ?? "";
  else write(early);
  if (eager) act.say(draft.peek());
  return () => {
    for (const end of ends) end();
    if (room.phase === "refused") void client.leave(room);
    else if (client.joined.includes(room)) room.hide();
    batch(() => {
      current.value = undefined;
      draft.value = "";
      announced.value = [];
      happening.value = undefined;
      trouble.value = undefined;
      answering.value = undefined;
      unreadFrom.value = undefined;
      sought.value = undefined;
    });
  };
}

/** Goes to the message that the page's address names, once. */
function seekNamed(room: Room): void {
  const place = namedPlace.peek();
  if (place === undefined) return;
  namedPlace.value = undefined;
  sought.value = place;
  room.show(place);
}

effect(() => {
  const room = namedPlace.value === undefined ? undefined : current.peek()?.room;
  if (room !== undefined) untracked(() => seekNamed(room));
});

/** Marks where what is new begins. */
function mark(room: Room): void {
  unreadFrom.value = room.unread > 0 ? room.seen : undefined;
}

document.addEventListener("visibilitychange", () => {
  const room = current.peek()?.room;
  if (document.hidden || room === undefined || room.phase !== "joined") return;
  if (room.unread > 0) mark(room);
  if (room.following) room.read();
});

/** When messages that are on their way were written, by their ids. */
const timed = new Map<string, number>();

function time(room: Room): void {
  const id = room.outgoing.at(-1)?.id;
  if (id === undefined) return;
  if (timed.size >= TIMED_MAX) timed.clear();
  timed.set(id, performance.now());
}

function arrived(id: string, offset: number): void {
  const written = timed.get(id);
  const { instance } = welcome.peek() ?? {};
  if (written === undefined || instance === undefined) return;
  timed.delete(id);
  lastWay.value = { instance, offset, ms: Math.round(performance.now() - written) };
}
