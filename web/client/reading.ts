// How far one room was read, and how many entries stand behind that. It knows no network and keeps
// nothing: where a reader was is given to it, and whoever wants to keep it hears of changes.

import type { Entry, Position } from "./protocol.ts";

/** A reader's place in a room. */
export class Reading {
  /** Everything up to here was read; none where the room is new to the reader. */
  seen: Position | undefined;

  constructor(seen: Position | undefined) {
    this.seen = seen;
  }

  /** Whoever is new in a room has not missed what was said before. */
  begin(head: Position): boolean {
    return this.seen === undefined && this.#move(head);
  }

  /**
   * Entries that were not read. A log that lost its past has begun anew, and all of it is unread.
   */
  unread(head: Position | undefined): number {
    if (head === undefined || this.seen === undefined) return 0;
    if (head.epoch !== this.seen.epoch) return head.offset;
    return Math.max(0, head.offset - this.seen.offset);
  }

  /**
   * Everything up to there was read. Whether that is news; nothing is ever unread again, and a
   * place in another life of the log than `epoch` is none.
   */
  read(to: Position, epoch: string | undefined): boolean {
    if (epoch !== undefined && to.epoch !== epoch) return false;
    if (this.seen?.epoch === to.epoch && this.seen.offset >= to.offset) return false;
    return this.#move(to);
  }

  /** What we said ourselves, right behind what we read, needs no reading. */
  sawOwn({ epoch, offset }: Entry): boolean {
    if (this.seen?.epoch !== epoch || this.seen.offset !== offset - 1) return false;
    return this.#move({ epoch, offset });
  }

  #move({ epoch, offset }: Position): boolean {
    this.seen = { epoch, offset };
    return true;
  }
}
