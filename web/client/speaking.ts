// Getting said what is in a room's outbox: one message at a time, again and again with the same id
// until it is answered. When that may be tried is the room's to say.

import { answerTo, type Link } from "./asking.ts";
import type { Later } from "./later.ts";
import { Outbox, type Outgoing } from "./outbox.ts";

/** What speaking needs to know of its room. */
export interface Listeners {
  key(): string;
  /** Whether they would hear us now. */
  hear(): boolean;
  /** Something of the outbox is not as it was. */
  changed(): void;
}

/** One room's messages on their way into the log. */
export class Speaking {
  readonly outbox: Outbox;
  readonly #link: Link;
  readonly #room: Listeners;
  readonly #later: Later;
  #callOff: (() => void) | undefined;

  constructor(link: Link, room: Listeners, later: Later, unsent?: readonly Outgoing[]) {
    this.outbox = new Outbox(unsent);
    this.#link = link;
    this.#room = room;
    this.#later = later;
  }

  /** The connection is gone. */
  lost(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.outbox.interrupted();
  }

  /** Sends the next message, if none is on its way. */
  pump(): void {
    if (!this.#room.hear() || this.#callOff !== undefined) return;
    const item = this.outbox.next();
    if (item !== undefined) void this.#send(item);
  }

  async #send({ id, text, replyTo }: Outgoing): Promise<void> {
    const takes = { room: this.#room.key(), id, text, ...(replyTo && { replyTo }) };
    const answer = await answerTo(this.#link.request("send", takes));
    const ms = answer === undefined ? this.outbox.unanswered(id) : this.outbox.answered(id, answer);
    if (ms > 0 && this.#room.hear()) {
      this.#callOff = this.#later(ms, () => {
        this.#callOff = undefined;
        this.pump();
      });
    }
    this.#room.changed();
    this.pump();
  }
}
