// The part of a room's log that a client holds: one stretch without holes, which live entries,
// older pages and later pages extend. It knows no network: answers and events go in, and what to
// do next comes out. The room (room.ts) asks the server.

import type { Entry, Joined, Position, Stretch } from "./protocol.ts";

/** Entries that a timeline holds at most; what goes over is dropped at the far end. */
export const ENTRIES_MAX = 300;

/** Live entries that wait behind a hole, at most; the log has them all the same. */
export const HELD_MAX = 200;

/**
 * What has to happen after an input: `read` the entries behind the last one, because some are
 * missing before a live one; or `rejoin`, because a stretch can't be had any more.
 */
export type Next = "nothing" | "read" | "rejoin";

/** Whether the answer to a `join` has nothing new, goes on from what we hold, or replaces it. */
export type Standing = "known" | "continues" | "apart";

/** A stretch of one room's log, from `entries[0]` up to `last`. */
export class Timeline {
  /** Ascending by offset, without holes, never changed in place. */
  entries: readonly Entry[] = [];
  /** The life of the log that the entries belong to; none before the first join. */
  epoch: string | undefined;
  /** Everything up to here is known; 0 stands before the first entry. */
  last = 0;
  /** The newest offset that we have heard of. */
  head = 0;
  /** Whether the log may have more before the first entry. */
  older = false;
  /**
   * Whether the end is being read. Then entries that go over the limit are dropped at the front;
   * otherwise the end is left behind, so that nothing vanishes under the reader's eyes.
   */
  following = true;

  readonly #held = new Map<number, Entry>();

  /** What to give `join` as `after`. */
  get position(): Position | undefined {
    return this.epoch === undefined ? undefined : { epoch: this.epoch, offset: this.last };
  }

  /** Whether the log is known to go on behind the last entry. */
  get behind(): boolean {
    return this.last < this.head;
  }

  /** Begins behind a place, in the stead of what there was. */
  begin({ epoch, offset }: Position): void {
    this.#held.clear();
    this.following = true;
    this.entries = [];
    this.epoch = epoch;
    this.last = offset;
    this.head = offset;
    this.older = offset > 0;
  }

  /** What the answer to a `join` with `after`, or without it, is to what we hold. */
  standing(answer: Joined, after: Position | undefined): Standing {
    // An instance may not have heard yet of what another one has told us. It will.
    if (answer.epoch === this.epoch && answer.head <= this.last) return "known";
    const continues = after !== undefined && answer.reset !== true && after.epoch === this.epoch;
    return continues ? "continues" : "apart";
  }

  /** Takes the answer to a `join` with `after`, or without it. */
  joined(answer: Joined, after: Position | undefined): Next {
    switch (this.standing(answer, after)) {
      case "known":
        return "nothing";
      case "apart":
        this.#replace(answer);
        return "nothing";
      case "continues":
        if (answer.epoch !== this.epoch) return "rejoin";
        this.#held.clear();
        return this.#extend(answer, this.following);
    }
  }

  /** Takes a live entry. */
  live(entry: Entry): Next {
    if (this.epoch === undefined) return "nothing";
    if (entry.epoch !== this.epoch) return "rejoin";
    if (entry.offset <= this.last) return "nothing";
    const hadHole = this.behind;
    this.head = Math.max(this.head, entry.offset);
    this.#hold(entry);
    this.#drain();
    // A hole that was there before is being read already, or waits for the reader.
    return this.behind && !hadHole && this.following ? "read" : "nothing";
  }

  /** Where the next page of what comes before has to end. */
  get first(): number {
    return this.entries[0]?.offset ?? this.last + 1;
  }

  /**
   * Takes a page of what comes before an entry: the first one, unless that has changed meanwhile.
   */
  pagedBefore(page: Stretch, asked: number): Next {
    if (page.epoch !== this.epoch) return "rejoin";
    this.head = Math.max(this.head, page.head);
    const { first } = this;
    if (asked !== first) return "nothing";
    const before = page.entries.filter((entry) => entry.offset < first);
    const adjoins = before.at(-1)?.offset === first - 1 && isWhole(before);
    this.older = adjoins && page.more;
    if (!adjoins) return "nothing";
    const all = [...before, ...this.entries];
    if (this.following) {
      this.#keepEnd(all);
    } else {
      this.entries = all.slice(0, ENTRIES_MAX);
      this.last = this.entries.at(-1)?.offset ?? this.last;
    }
    return "nothing";
  }

  /** Takes a page of what comes after an entry: the last one, unless that has changed meanwhile. */
  pagedAfter(page: Stretch, asked: number): Next {
    if (page.epoch !== this.epoch) return "rejoin";
    if (asked !== this.last) return "nothing";
    const next = this.#extend(page, true);
    this.#drain();
    return next;
  }

  /** Says whether the end is being read. */
  follow(following: boolean): Next {
    if (following === this.following) return "nothing";
    this.following = following;
    this.#drain();
    return following && this.behind ? "read" : "nothing";
  }

  /** Whatever was being read is gone, so the end is what is read now. */
  #replace(answer: Joined): void {
    this.#held.clear();
    this.following = true;
    this.epoch = answer.epoch;
    this.head = answer.head;
    this.last = answer.head;
    // Whether there is more before them is told only where that is what was asked.
    this.older = answer.reset === true ? (answer.entries[0]?.offset ?? 1) > 1 : answer.more;
    this.#keepEnd(answer.entries);
  }

  /** Adds what follows the last entry. A hole means that the log has trimmed what we asked for. */
  #extend(page: Stretch, dropFront: boolean): Next {
    this.head = Math.max(this.head, page.head);
    const after = page.entries.filter((entry) => entry.offset > this.last);
    const adjoins = after.length === 0 || after[0]?.offset === this.last + 1;
    const end = after.at(-1)?.offset ?? this.last;
    if (!adjoins || !isWhole(after) || (page.more ? after.length === 0 : end < page.head)) {
      return "rejoin";
    }
    if (dropFront) {
      this.last = end;
      this.#keepEnd([...this.entries, ...after]);
    } else {
      const fitting = after.slice(0, ENTRIES_MAX - this.entries.length);
      this.entries = [...this.entries, ...fitting];
      this.last = fitting.at(-1)?.offset ?? this.last;
    }
    return "nothing";
  }

  #keepEnd(entries: readonly Entry[]): void {
    const surplus = Math.max(0, entries.length - ENTRIES_MAX);
    this.entries = entries.slice(surplus);
    if (surplus > 0) this.older = true;
  }

  #hold(entry: Entry): void {
    if (this.#held.size >= HELD_MAX) this.#held.clear();
    this.#held.set(entry.offset, entry);
  }

  /** Appends the held entries that follow the last one. */
  #drain(): void {
    const ready: Entry[] = [];
    const room = this.following ? Number.POSITIVE_INFINITY : ENTRIES_MAX - this.entries.length;
    while (ready.length < room) {
      const entry = this.#held.get(this.last + 1);
      if (entry === undefined) break;
      ready.push(entry);
      this.last = entry.offset;
    }
    if (ready.length > 0) this.#keepEnd([...this.entries, ...ready]);
    for (const offset of this.#held.keys()) {
      if (offset <= this.last) this.#held.delete(offset);
    }
  }
}

function isWhole(entries: readonly Entry[]): boolean {
  return entries.every((entry, i) => i === 0 || entry.offset === (entries[i - 1]?.offset ?? 0) + 1);
}
