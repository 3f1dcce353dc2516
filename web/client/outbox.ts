// What one person wants to have said in one room and is not yet seen in the log. It is bounded,
// keeps the order, and knows no network: the room (room.ts) sends what `next` gives, one at a
// time, again and again with the same id, until it is answered.

import type { Answer, Entry, Placed, Position, Refusal } from "./protocol.ts";

/** Messages that may wait in one room. */
export const OUTGOING_MAX = 50;

/** First wait before a message is sent again; it doubles, up to the longest. */
export const RETRY_MS_FIRST = 1_000;
export const RETRY_MS_MAX = 15_000;

/**
 * `pending`: on its way. `waiting`: it could not be stored yet and will be sent again by itself.
 * `refused`: it will not be sent again unless somebody asks. `placed`: it is in the log, and its
 * entry has not come by yet.
 */
export type OutgoingState = "pending" | "waiting" | "refused" | "placed";

/** A message that is not yet seen in the log. */
export interface Outgoing {
  /** Made once; whatever is sent again bears the same, so that it makes one entry. */
  readonly id: string;
  readonly text: string;
  /** What it answers. */
  readonly replyTo?: Position;
  /** When it was written, by the clock of the one who wrote it. */
  readonly at: number;
  readonly state: OutgoingState;
  /** Why it waits or was refused, where the server said so. */
  readonly refusal?: Refusal;
  /** Where it stands, once it is placed. */
  readonly place?: Position;
}

/** A message as it was written. */
export type Written = Pick<Outgoing, "id" | "text" | "replyTo" | "at">;

/** The messages of one room that are not yet seen in the log, in the order of writing. */
export class Outbox {
  /** Never changed in place. */
  items: readonly Outgoing[];
  #inFlight: string | undefined;
  #failures = 0;

  /** Takes up what an earlier life of the page left unsent. */
  constructor(unsent: readonly Outgoing[] = []) {
    this.items = unsent
      .filter((item) => item.state !== "placed")
      .slice(0, OUTGOING_MAX)
      .map((item) => ({ ...written(item), state: "waiting" }));
  }

  /** Adds a message; `false` where too many wait already. */
  add(message: Written, online: boolean): boolean {
    // What is placed is safe in the log, so it needs no place here.
    const full = this.items.length >= OUTGOING_MAX;
    const kept = full ? this.items.filter((item) => item.state !== "placed") : this.items;
    if (kept.length >= OUTGOING_MAX) return false;
    this.items = [...kept, { ...message, state: online ? "pending" : "waiting" }];
    return true;
  }

  /** The message to send now, which is then in flight; none while another one is. */
  next(): Outgoing | undefined {
    if (this.#inFlight !== undefined) return undefined;
    const next = this.items.find((item) => item.state === "pending" || item.state === "waiting");
    if (next === undefined) return undefined;
    this.#inFlight = next.id;
    return next;
  }

  /**
   * Takes the server's answer to the message in flight. What it returns is after how many
   * milliseconds the next one may be sent.
   */
  answered(id: string, answer: Answer<"send">): number {
    if (!this.#landed(id)) return 0;
    if (answer.ok) {
      this.#failures = 0;
      this.#change(id, (item) => placed(item, answer));
      return 0;
    }
    const { error } = answer;
    const passing = error.code === "unavailable" || error.code === "rate_limited";
    this.#change(id, (item) => {
      return { ...written(item), state: passing ? "waiting" : "refused", refusal: error };
    });
    if (!passing) return 0;
    return Math.min(Math.max(error.retryAfterMs ?? 0, this.#backOff()), RETRY_MS_MAX * 4);
  }

  /** The message in flight was not answered in time. Returns what `answered` does. */
  unanswered(id: string): number {
    if (!this.#landed(id)) return 0;
    this.#change(id, (item) => ({ ...item, state: "waiting" }));
    return this.#backOff();
  }

  /** The connection is gone: whatever was on its way waits. */
  interrupted(): void {
    this.#inFlight = undefined;
    this.#failures = 0;
    this.items = this.items.map((item) =>
      item.state === "pending" ? { ...item, state: "waiting" } : item,
    );
  }

  /** A message of ours was seen in the log, acknowledged or not. */
  seen(entry: Entry): void {
    this.#remove(entry.id);
  }

  /** Everything up to this position has been seen: what was placed there is settled. */
  covered(position: Position): void {
    this.items = this.items.filter(({ place }) => {
      if (place === undefined) return true;
      return place.epoch === position.epoch && place.offset > position.offset;
    });
  }

  /** Sends a refused message again. */
  retry(id: string): void {
    this.#change(id, (item) =>
      item.state === "refused" ? { ...written(item), state: "pending" } : item,
    );
  }

  /**
   * Takes a message back, and returns it; `undefined` where it is in the log already. One that was
   * sent and not answered may still be there, and then appears as any other entry.
   */
  cancel(id: string): Outgoing | undefined {
    const item = this.items.find((item) => item.id === id);
    if (item === undefined || item.state === "placed") return undefined;
    this.#remove(id);
    return item;
  }

  #landed(id: string): boolean {
    if (this.#inFlight !== id) return false;
    this.#inFlight = undefined;
    return true;
  }

  #backOff(): number {
    this.#failures += 1;
    return Math.min(RETRY_MS_FIRST * 2 ** (this.#failures - 1), RETRY_MS_MAX);
  }

  #remove(id: string): void {
    this.items = this.items.filter((item) => item.id !== id);
  }

  #change(id: string, change: (item: Outgoing) => Outgoing): void {
    this.items = this.items.map((item) => (item.id === id ? change(item) : item));
  }
}

function placed(item: Outgoing, { epoch, offset }: Placed): Outgoing {
  return { ...written(item), state: "placed", place: { epoch, offset } };
}

/** Without what became of it. */
function written({ id, text, replyTo, at }: Outgoing): Written {
  return { id, text, at, ...(replyTo && { replyTo }) };
}
