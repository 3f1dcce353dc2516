// The rooms one is in: remembered by the browser, joined in the background, with what is unread in
// them; and the rooms that there are to be found.

import { computed, effect, signal, untracked } from "@preact/signals";
import { type Palabre, type Position, Refused, type Room } from "../client/index.ts";
import { palabre, status } from "./connection.ts";
import { oncePerFrame } from "./frames.ts";
import { words } from "./i18n/index.ts";
import { keyOfTitle } from "./parts/address.ts";
import { go, lobby, openRoom } from "./route.ts";
import { lasting, onKeptElsewhere } from "./storage.ts";
import { keepUnsent, unsentOf } from "./unsent.ts";

/** How long a new room may take to be made. */
const MAKING_MS_MAX = 10_000;

/** Places are kept no more often than this; a page that goes keeps them at once. */
const KEEPING_MS = 500;

/** A room, as a list shows it. */
export interface RoomRow {
  key: string;
  title: string;
  unread: number;
  members: number;
  /** What was said last, where that is known. */
  last?: string | undefined;
}

/** Changes when anything of any room that we are in has changed. */
const changes = signal(0);
const changed = oncePerFrame(() => {
  changes.value += 1;
});

/** The rooms that there are, as the server listed them. */
const listed = signal<readonly RoomRow[]>([]);

/** The rooms one is in: the lobby, then by name. */
export const mine = computed<readonly RoomRow[]>(() => {
  void changes.value;
  const rooms = palabre.value?.joined ?? [];
  const rows = rooms.filter(({ phase }) => phase !== "refused").map((room) => rowOf(room));
  const first = rows.find(({ key }) => key === lobby.value);
  const others = rows.filter((row) => row !== first).sort(byTitle);
  return [first ?? { key: lobby.value, title: lobby.value, unread: 0, members: 0 }, ...others];
});

/** All rooms that one can go to: one's own, and the others that the server listed. */
export const allRooms = computed<readonly RoomRow[]>(() => {
  const own = new Map(mine.value.map((row) => [row.key, row]));
  const known = listed.value.map((row) => ({ ...row, ...own.get(row.key), last: row.last }));
  const keys = new Set(known.map(({ key }) => key));
  return [...known, ...mine.value.filter(({ key }) => !keys.has(key))];
});

/** How much is unread in other rooms than the open one. */
export const unreadElsewhere = computed(() => {
  const open = openKey.value;
  return mine.value.reduce((sum, row) => sum + (row.key === open ? 0 : row.unread), 0);
});

/** The key of the open room, as the server writes it. */
export const openKey = computed(() => {
  void changes.value;
  const key = openRoom.value;
  return key === undefined ? undefined : (palabre.value?.room(key)?.key ?? key);
});

/** Joins a room, unless we are in it. */
export function enter(client: Palabre, key: string, background: boolean): Room {
  const known = client.room(key);
  if (known !== undefined) return known;
  const options = { catchUp: false, background, at: "unread", unsent: unsentOf(key) } as const;
  return adopt(client.join(key, { ...options, seen: seenIn(key) }));
}

/** Leaves a room for good; the lobby can't be left. */
export function leaveRoom(key: string): void {
  const client = palabre.peek();
  const room = client?.room(key);
  if (client === undefined || room === undefined || key === lobby.peek()) return;
  unkept.delete(room.key);
  lasting.set(`seen:${room.key}`, undefined);
  if (openKey.peek() === room.key) go(lobby.peek());
  void client.leave(room);
  changed();
}

/** Makes a room and goes there. Says why not, where that can't be done. */
export async function makeRoom(title: string): Promise<string | undefined> {
  const { find, refusal } = words.peek();
  const client = palabre.peek();
  const key = keyOfTitle(title);
  if (client === undefined) return undefined;
  try {
    const signal = AbortSignal.timeout(MAKING_MS_MAX);
    const named = title === key ? {} : { title };
    const room = adopt(await client.create(key, { ...named, catchUp: false, signal }));
    go(room.key);
    return undefined;
  } catch (error) {
    if (!(error instanceof Refused)) return refusal.unavailable;
    if (error.refusal.code === "conflict") return find.taken;
    return refusal[error.refusal.code] ?? error.message;
  }
}

/** Asks the server which rooms there are. */
export async function lookForRooms(): Promise<void> {
  const client = palabre.peek();
  if (client === undefined || !client.connection.online) return;
  try {
    const { rooms } = await client.rooms({ signal: AbortSignal.timeout(MAKING_MS_MAX) });
    listed.value = rooms.map(({ room: key, title = key, unread, members, last }) => {
      return { key, title, unread, members, last: last?.text };
    });
  } catch {
    // What was listed before is better than nothing.
  }
}

function adopt(room: Room): Room {
  keepUnsent(room);
  room.on("change", changed);
  room.on("seen", (seen) => keepSeen(room.key, seen));
  return room;
}

function rowOf({ key, title = key, unread, members }: Room): RoomRow {
  return { key, title, unread, members };
}

const byTitle = (a: RoomRow, b: RoomRow) => a.title.localeCompare(b.title);

/** The rooms that were joined at earlier visits, or by other tabs: those that were read. */
const keptRooms = () => lasting.all("seen:");

function seenIn(key: string): Position | undefined {
  const [offset, epoch] = lasting.get(`seen:${key}`)?.split(" ") ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}

const unkept = new Map<string, Position>();

function keepSeen(key: string, seen: Position): void {
  if (unkept.size === 0) setTimeout(keepAllSeen, KEEPING_MS);
  unkept.set(key, seen);
}

function keepAllSeen(): void {
  for (const [key, { offset, epoch }] of unkept) lasting.set(`seen:${key}`, `${offset} ${epoch}`);
  unkept.clear();
}

addEventListener("pagehide", keepAllSeen);

// All rooms are entered as soon as there is a client; the open one is the conversation's to show.
effect(() => {
  if (palabre.value !== undefined && lobby.value !== "") untracked(enterAll);
});

onKeptElsewhere("seen:", () => {
  enterAll();
  const kept = new Set(keptRooms());
  for (const { key, shown } of palabre.peek()?.joined ?? []) {
    if (!kept.has(key) && !shown) leaveRoom(key);
  }
});

function enterAll(): void {
  const client = palabre.peek();
  if (client === undefined) return;
  const all = new Set([lobby.peek(), ...keptRooms()]);
  for (const key of [...all].slice(0, client.limits.rooms - 1)) enter(client, key, true);
  changed();
}

const online = computed(() => status.value.phase === "online");

effect(() => {
  if (online.value) void lookForRooms();
});

addEventListener("focus", () => void lookForRooms());
