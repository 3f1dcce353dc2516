// The chat protocol as this client speaks it: commands, their answers, and events. Names are the
// contract's own; fields that are not listed here are ignored, wherever they come from.

/** A place in a room: the life of the log it belongs to, and the entry's number in the room. */
export interface Position {
  epoch: string;
  offset: number;
}

/** One record of a room's log. */
export interface Entry extends Position {
  room: string;
  id: string;
  /** `message`, or a kind that this client passes over. */
  kind: string;
  user: string;
  name?: string;
  text?: string;
  /** What it answers. */
  replyTo?: Position;
  /** Milliseconds since 1970 by the log's clock. */
  at: number;
  /** `socket`, `http`, or the name of a bridge. */
  via?: string;
}

/** The stable codes of a refusal. */
export type Code =
  | "bad_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "too_large"
  | "rate_limited"
  | "conflict"
  | "muted"
  | "locked"
  | "unavailable"
  | "internal";

/** Why a command was not carried out. `message` is for developers; pages translate `code`. */
export interface Refusal {
  code: Code;
  message: string;
  retryAfterMs?: number;
}

/** An entry's place, as the answer to what made it. */
export interface Placed extends Position {
  room: string;
  id: string;
  at: number;
  duplicate?: boolean;
}

/** A stretch of a room, ascending by offset. */
export interface Stretch {
  epoch: string;
  /** The room's newest offset. */
  head: number;
  entries: Entry[];
  /** Whether there is more in the direction that was asked. */
  more: boolean;
}

/** The answer to `join`. */
export interface Joined extends Stretch {
  /** The room's key, folded as the server folds it. */
  room: string;
  /** The log no longer reaches back to what was asked; these are the newest entries. */
  reset?: boolean;
  members: number;
  title?: string;
  topic?: string;
}

/** Somebody, as far as one line about them needs. */
export interface Person {
  user: string;
  name: string;
}

/** Somebody who is in a room. */
export interface Member extends Person {
  /** Since when, in milliseconds since 1970. */
  since: number;
  /** Which instances serve their connections; only `who` tells. */
  instances?: string[];
}

/** Who is in a room: the first of them, and how many there are. */
export interface Who {
  members: Member[];
  count: number;
}

/** A room as the list of rooms shows it. */
export interface ListedRoom {
  room: string;
  /** Its key, where nobody gave it a title. */
  title: string;
  topic?: string;
  epoch: string;
  head: number;
  /** Entries after the position that was given for this room, or all. */
  unread: number;
  /** The newest entry. */
  last?: Entry;
  /** How many are in it. */
  members: number;
  private: boolean;
}

/** The rooms that one may see, the youngest first. */
export interface RoomList {
  rooms: ListedRoom[];
  /** Whether there are more than are listed. */
  more?: boolean;
}

/** Which page of a room; without any of them, the newest one. */
export type HistoryRange =
  | { before?: number }
  | { after?: number }
  /** The oldest entries from a moment on, in milliseconds since 1970. */
  | { at?: number };

/** What each command takes, and what it answers beside `ok`. */
export interface Commands {
  join: { takes: { room: string; after?: Position; limit?: number }; answers: Joined };
  leave: { takes: { room: string }; answers: object };
  send: { takes: { room: string; id: string; text: string; replyTo?: Position }; answers: Placed };
  history: { takes: { room: string; limit?: number } & HistoryRange; answers: Stretch };
  rooms: { takes: { seen?: ({ room: string } & Position)[] }; answers: RoomList };
  create: { takes: { room: string; title?: string; private?: boolean }; answers: Joined };
  who: { takes: { room: string }; answers: Who };
  typing: { takes: { room: string; on: boolean }; answers: object };
  rename: { takes: { name: string }; answers: { user: string; name: string } };
}

export type Command = keyof Commands;
export type Takes<C extends Command> = Commands[C]["takes"];
export type Answers<C extends Command> = Commands[C]["answers"];

/** What comes back through the acknowledgement. */
export type Answer<C extends Command> = ({ ok: true } & Answers<C>) | { ok: false; error: Refusal };

/** The first event of every connection. */
export interface Welcome {
  user: string;
  name: string;
  /** Proves next time that we are the same user. */
  token?: string;
  /** The instance that serves us. */
  instance: string;
  version: string;
  protocol: 1;
  lobby?: string;
  limits?: { text?: number; name?: number; room?: number; page?: number; rooms?: number };
  features?: string[];
}

/** Something that concerns the whole connection. */
export interface Notice {
  code: Code | "degraded" | "healed" | "draining";
  message: string;
  retryAfterMs?: number;
}

/** The log of a room lost its past. */
export interface Reset {
  room: string;
  epoch: string;
  head: number;
}

/** Somebody came into a room or left it. Large rooms tell the count only. */
export interface Presence {
  room: string;
  joined: Member[];
  /** The users who left. */
  left: string[];
  count: number;
}

/** Who is writing in a room now. */
export interface TypingNow {
  room: string;
  users: Person[];
}

/** Server to client, as socket.io-client wants to have it. */
export interface ServerEvents {
  "palabre:welcome": (welcome: Welcome) => void;
  entry: (entry: Entry) => void;
  reset: (reset: Reset) => void;
  presence: (presence: Presence) => void;
  typing: (typing: TypingNow) => void;
  notice: (notice: Notice) => void;
}

/** Client to server: every command takes one object and a callback. */
export type ClientEvents = {
  [C in Command]: (takes: Takes<C>, answer: (answer: Answer<C>) => void) => void;
};

/** The limits that hold where the welcome names none. */
export const DEFAULT_LIMITS = { text: 4000, name: 40, room: 64, rooms: 100 } as const;
