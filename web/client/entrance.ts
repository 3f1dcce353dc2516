// How a room is entered: what the next `join` asks for, and what its answer means for what was held
// and what was read before. It knows no network.

import type { Joined, Position } from "./protocol.ts";

/** Entries of a page. Two pages and what is held meanwhile fit into a timeline. */
export const PAGE = 100;

/** Entries that are shown before the first unread one. */
export const CONTEXT = 50;

/** Where a room is opened: at its newest entries, where reading ended, or at a place in its log. */
export type Opening = "end" | "unread" | Position;

/** What a `join` asks for. */
export interface Asked {
  limit: number;
  after?: Position | undefined;
  /** The place behind which the room is opened, whatever was held before. */
  opens?: Position | undefined;
}

/** What is known when a room is entered. */
export interface Known {
  /** In the background the newest entry is enough, which tells how many there are. */
  shown: boolean;
  /** Where we are. */
  position: Position | undefined;
  /** Up to where it was read. */
  seen: Position | undefined;
}

/** The way into a room. */
export class Entrance {
  /** Where the next join opens the room; otherwise it goes on where we are. */
  opening: Opening | undefined;
  #context = CONTEXT;

  /** What the next join asks for. */
  ask({ shown, position, seen }: Known): Asked {
    if (!shown) return { limit: 1 };
    if (this.opening === undefined) return { limit: PAGE, after: position };
    const place = placeOf(this.opening, seen);
    // What was read in another life of the log is no place in this one.
    const known = place !== undefined && (position === undefined || position.epoch === place.epoch);
    if (!known) return { limit: PAGE };
    const offset = Math.max(0, place.offset - this.#context);
    return { limit: PAGE, after: { epoch: place.epoch, offset }, opens: place };
  }

  /**
   * Whether to ask once more: what comes before the first unread entry is gone, and that one may
   * still be there.
   */
  again(answer: Joined, { opens }: Asked): boolean {
    if (opens === undefined || this.#context === 0 || !isLost(answer, opens)) return false;
    this.#context = 0;
    return true;
  }

  /** The room is entered. Whether it was opened, or else gone on with. */
  entered(): boolean {
    const opened = this.opening !== undefined;
    this.opening = undefined;
    this.#context = CONTEXT;
    return opened;
  }
}

/** Behind which place a room is opened; its end is no place. */
function placeOf(opening: Opening, seen: Position | undefined): Position | undefined {
  if (opening === "end") return undefined;
  if (opening === "unread") return seen;
  return { epoch: opening.epoch, offset: Math.max(0, opening.offset - 1) };
}

/**
 * Whether entries behind what was known are missing from an answer: the life of the log that they
 * are missing from. `was` is the life that was held before.
 */
export function lostFrom(answer: Joined, asked: Asked, was: string | undefined) {
  const { after, opens } = asked;
  const lost = opens === undefined ? answer.reset === true : isLost(answer, opens);
  if (lost && after !== undefined) return after.epoch;
  return was === answer.epoch ? undefined : was;
}

/** Whether an answer that could not begin where it should begins too late for this place. */
function isLost({ reset, epoch, head, entries }: Joined, place: Position): boolean {
  if (reset !== true) return false;
  return epoch !== place.epoch || (entries[0]?.offset ?? head + 1) > place.offset + 1;
}
