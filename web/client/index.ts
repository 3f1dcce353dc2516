// The client of Palabre: one connection and the rooms on it. This is the whole of what the page
// uses, and what any other program in JavaScript can use.

import { io } from "socket.io-client";
import { Connection, type Identity, type Status, Unanswered, type Wire } from "./connection.ts";
import { DEFAULT_LIMITS, type Refusal, type Welcome } from "./protocol.ts";
import { Room, type RoomOptions } from "./room.ts";

export type { Phase, Status } from "./connection.ts";
export { Unanswered } from "./connection.ts";
export type { Outgoing, OutgoingState } from "./outbox.ts";
export { OUTGOING_MAX } from "./outbox.ts";
export type * from "./protocol.ts";
export { DEFAULT_LIMITS } from "./protocol.ts";
export type { RoomPhase } from "./room.ts";
export { Room, type RoomOptions } from "./room.ts";

/** Where to connect, and as whom. */
export interface PalabreOptions {
  /** Under which `socket.io/` lies: `https://chat.example/` or `https://example/chat/`. */
  url: string | URL;
  /** The name that others see. */
  name: string;
  /** The token of an earlier welcome: proves that we are the same user. */
  token?: string | undefined;
}

/** A connection to a Palabre server, and the rooms one is in. */
export class Palabre {
  readonly connection: Connection;
  readonly #identity: Identity;
  readonly #rooms = new Set<Room>();

  constructor({ url, name, token }: PalabreOptions) {
    this.#identity = { name, token };
    const { origin, pathname } = new URL("socket.io/", url);
    const socket = io(origin, {
      path: pathname,
      autoConnect: false,
      // Straight to WebSocket, and back to polling only where that can't be had.
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      auth: (tell) => tell({ palabre: 1, ...this.#identity }),
    });
    this.connection = new Connection(socket as unknown as Wire, this.#identity);
    this.#wireRooms();
  }

  get status(): Status {
    return this.connection.status;
  }

  get welcome(): Welcome | undefined {
    return this.connection.welcome;
  }

  /** What the server takes at most. */
  get limits(): { text: number; name: number; room: number } {
    return { ...DEFAULT_LIMITS, ...this.welcome?.limits };
  }

  connect(): void {
    this.connection.connect();
  }

  close(): void {
    this.connection.close();
  }

  /** Joins a room, now or as soon as we are connected, and again after every reconnect. */
  join(key: string, options?: RoomOptions): Room {
    const room = new Room(this.connection, key, options);
    this.#rooms.add(room);
    if (this.connection.online) room.enter();
    return room;
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
    const answer = await this.connection.request("rename", { name });
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

  #wireRooms(): void {
    this.connection.on("welcome", () => {
      for (const room of this.#rooms) room.enter();
    });
    this.connection.on("lost", () => {
      for (const room of this.#rooms) room.lost();
    });
    this.connection.on("entry", (entry) => {
      for (const room of this.#rooms) if (room.key === entry.room) room.live(entry);
    });
    this.connection.on("reset", (reset) => {
      for (const room of this.#rooms) if (room.key === reset.room) room.restarted();
    });
  }
}
