// The client of Palabre: one connection and the rooms on it. This is the whole of what the page
// uses, and what any other program in JavaScript can use.

import { Asking, granted, type Link, type Patience, Refused } from "./asking.ts";
import { Connection, type Identity, type Status, Unanswered } from "./connection.ts";
import {
  type Answer,
  DEFAULT_LIMITS,
  type Position,
  type Refusal,
  type RoomList,
  type Welcome,
} from "./protocol.ts";
import { Room, type RoomOptions } from "./room.ts";
import { type Transport, wireTo } from "./wire.ts";

export { ASKED_MAX, type Patience, Refused } from "./asking.ts";
export type { Connection, Phase, Status } from "./connection.ts";
export { Unanswered } from "./connection.ts";
export type { Opening } from "./entrance.ts";
export type { Outgoing, OutgoingState } from "./outbox.ts";
export { OUTGOING_MAX } from "./outbox.ts";
export type * from "./protocol.ts";
export { DEFAULT_LIMITS } from "./protocol.ts";
export type { Room, RoomOptions, RoomPhase } from "./room.ts";
export { ENTRIES_MAX } from "./timeline.ts";
export type { Transport } from "./wire.ts";

/** Positions that are sent along when rooms are listed, at most. */
export const LISTED_SEEN_MAX = 1_000;

/** Where to connect, and as whom. */
export interface PalabreOptions {
  /** Under which `socket.io/` lies: `https://chat.example/` or `https://example/chat/`. */
  url: string | URL;
  /** The name that others see. */
  name: string;
  /** The token of an earlier welcome: proves that we are the same user. */
  token?: string | undefined;
  /** How long to wait before a lost connection is tried again: at first, and at the most. */
  retryMs?: { first: number; longest: number };
  /** What to try, in this order; unless told otherwise WebSocket, then HTTP long-polling. */
  transports?: readonly Transport[];
}

/** A new room, and how one lives in it. */
export interface CreateOptions extends RoomOptions {
  title?: string | undefined;
  /** Nobody else sees it. */
  private?: boolean;
  /** Gives up. */
  signal?: AbortSignal | undefined;
}

/** A connection to a Palabre server, and the rooms one is in. */
export class Palabre {
  readonly connection: Connection;
  readonly #identity: Identity;
  readonly #link: Link;
  readonly #rooms = new Set<Room>();

  /** `wire` makes the socket; another one than socket.io-client's serves tests. */
  constructor({ url, name, token, retryMs, transports }: PalabreOptions, wire = wireTo) {
    this.#identity = { name, token };
    const auth = () => ({ palabre: 1, ...this.#identity });
    this.connection = new Connection(wire({ url, auth, retryMs, transports }), this.#identity);
    this.#link = new Asking(this.connection);
    this.#wireRooms();
  }

  get status(): Status {
    return this.connection.status;
  }

  get welcome(): Welcome | undefined {
    return this.connection.welcome;
  }

  /** Proves that we are the same user: to be kept, and given to the next life of the program. */
  get token(): string | undefined {
    return this.#identity.token;
  }

  /** What the server takes at most. */
  get limits(): { text: number; name: number; room: number; rooms: number } {
    return { ...DEFAULT_LIMITS, ...this.welcome?.limits };
  }

  connect(): void {
    this.connection.connect();
  }

  close(): void {
    this.connection.close();
  }

  /** The rooms that we are in, or will be in once connected. */
  get joined(): readonly Room[] {
    return [...this.#rooms];
  }

  /** The room of this key, if we are in it. */
  room(key: string): Room | undefined {
    const folded = fold(key);
    return this.joined.find((room) => room.key === key || room.key === folded);
  }

  /**
   * Joins a room, now or as soon as we are connected, and again after every reconnect. A room that
   * we are in already is given as it is.
   */
  join(key: string, options?: RoomOptions): Room {
    const known = this.room(key);
    if (known !== undefined) return known;
    const room = new Room(this.#link, key, options);
    this.#rooms.add(room);
    if (this.connection.online) room.enter();
    return room;
  }

  /**
   * The rooms that there are. `seen` says up to where they were read; of the rooms that we are in
   * it is known. Asked for until there is an answer; rejects with `Refused`.
   */
  async rooms({
    seen = {},
    signal,
  }: {
    seen?: Record<string, Position>;
    signal?: AbortSignal | undefined;
  } = {}): Promise<RoomList> {
    const known = new Map(Object.entries(seen));
    for (const room of this.#rooms) if (room.seen) known.set(room.key, room.seen);
    const places = [...known].map(([room, { epoch, offset }]) => ({ room, epoch, offset }));
    const takes = { seen: places.slice(-LISTED_SEEN_MAX) };
    return granted(this.#link.ask("rooms", takes, { signal }));
  }

  /**
   * Makes a room and joins it. Asked for until there is an answer; rejects with `Refused`, where
   * there is such a room already with `conflict`.
   */
  async create(key: string, options: CreateOptions = {}): Promise<Room> {
    const { title, private: isPrivate, signal, ...how } = options;
    const takes = {
      room: key,
      ...(title !== undefined && { title }),
      ...(isPrivate !== undefined && { private: isPrivate }),
    };
    let doubtful = false;
    const patience: Patience = {
      signal,
      doubtful: () => {
        doubtful = true;
      },
    };
    const answer: Answer<"create"> = await this.#link.ask("create", takes, patience);
    if (answer.ok) return this.join(answer.room, how);
    if (doubtful && answer.error.code === "conflict" && (await this.#isThere(takes, signal))) {
      return this.join(fold(key), how);
    }
    throw new Refused(answer.error);
  }

  /** Leaves a room for good. */
  async leave(room: Room): Promise<void> {
    this.#rooms.delete(room);
    room.lost();
    try {
      await this.connection.request("leave", { room: room.key });
    } catch (error) {
      // Whoever is not connected is in no room.
      if (!(error instanceof Unanswered)) throw error;
    }
  }

  /** Takes another name. Returns why not, where the server refuses it. */
  async rename(name: string): Promise<Refusal | undefined> {
    const answer = await this.#link.ask("rename", { name });
    if (!answer.ok) return answer.error;
    this.#identity.name = answer.name;
    this.connection.renamed(answer.name);
    return undefined;
  }

  /** Asks for something small, so that `status` tells how long the way there and back takes. */
  async measure(): Promise<void> {
    const room = [...this.#rooms].find(({ phase }) => phase === "joined");
    if (room === undefined) return;
    try {
      await this.connection.request("history", { room: room.key, limit: 1 });
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    }
  }

  /**
   * Whether there is just such a room as we wanted to make. After a `create` that was not answered
   * that is what we made, or at least it can't be told from that.
   */
  async #isThere(
    wanted: { room: string; title?: string; private?: boolean },
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { rooms } = await granted(this.#link.ask("rooms", {}, { signal }));
    const there = rooms.find(({ room }) => room === fold(wanted.room));
    if (there === undefined) return false;
    const { title = there.room } = wanted;
    return there.title === title && there.private === (wanted.private ?? false);
  }

  #wireRooms(): void {
    const { connection } = this;
    connection.on("welcome", () => {
      // What is being read first.
      const [shown, others] = [this.joined.filter(isShown), this.joined.filter((r) => !isShown(r))];
      for (const room of [...shown, ...others]) room.enter();
    });
    connection.on("lost", () => {
      for (const room of this.#rooms) room.lost();
    });
    connection.on("entry", (entry) => this.#roomOf(entry)?.live(entry));
    connection.on("reset", (reset) => this.#roomOf(reset)?.restarted());
    connection.on("presence", (presence) => this.#roomOf(presence)?.attended(presence));
    connection.on("typing", (typing) => this.#roomOf(typing)?.typed(typing));
  }

  #roomOf({ room: key }: { room: string }): Room | undefined {
    for (const room of this.#rooms) if (room.key === key) return room;
    return undefined;
  }
}

const isShown = (room: Room) => room.shown;

/** The key of a room, as far as it can be told without the server. */
const fold = (key: string) => key.normalize("NFC").toLowerCase();
