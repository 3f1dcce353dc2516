// A room of 50,000 entries, read from its end to its beginning and back: whatever lies behind or
// before, a page is asked for, taken and held at the same cost.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Link } from "../client/asking.ts";
import { PAGE } from "../client/entrance.ts";
import type { Answer, Command, Entry, Stretch, Takes } from "../client/protocol.ts";
import { Room } from "../client/room.ts";
import { ENTRIES_MAX } from "../client/timeline.ts";

const HEAD = 50_000;

/** A server that has all entries, and counts how often the client looks at one. */
class LongLog implements Link {
  readonly online = true;
  /** The largest page that was asked for, and how many. */
  pages = 0;
  largest = 0;
  looks = 0;
  head = HEAD;

  isOwn(): boolean {
    return false;
  }

  ask<C extends Command>(command: C, takes: Takes<C>): Promise<Answer<C>> {
    return this.request(command, takes);
  }

  async request<C extends Command>(
    command: C,
    takes: Takes<C>,
    heard?: (answer: Answer<C>) => void,
  ): Promise<Answer<C>> {
    const { before = this.head + 1, after, limit = 0 } = takes as Takes<"history"> & Range;
    this.pages += 1;
    this.largest = Math.max(this.largest, limit);
    const first = command === "join" || after === undefined ? before - limit : after + 1;
    const stretch = this.#stretch(Math.max(1, first), Math.min(this.head, first + limit - 1));
    const more = after === undefined ? first > 1 : first + limit - 1 < this.head;
    const answer = { ok: true, room: "r", members: 1, ...stretch, more } as unknown as Answer<C>;
    heard?.(answer);
    return answer;
  }

  entry(offset: number): Entry {
    const look = () => {
      this.looks += 1;
      return offset;
    };
    const { room, epoch, kind } = { room: "r", epoch: "e1", kind: "message" };
    return {
      ...{ room, epoch, kind, id: `id-${offset}`, user: "u", text: "x", at: offset },
      get offset() {
        return look();
      },
    };
  }

  #stretch(from: number, to: number): Omit<Stretch, "more"> {
    const entries = Array.from({ length: to - from + 1 }, (_, i) => this.entry(from + i));
    return { epoch: "e1", head: this.head, entries };
  }
}

interface Range {
  before?: number;
  after?: number;
}

/** Looks at entries that a step may cost, however long the room is: each that is held, some times. */
const LOOKS_MAX = 10 * ENTRIES_MAX;

test("50,000 entries are paged through at the same cost everywhere", async () => {
  const log = new LongLog();
  const room = new Room(log, "r");
  const step = async (what: () => Promise<void>) => {
    log.looks = 0;
    log.pages = 0;
    await what();
    assert.ok(log.looks <= LOOKS_MAX, `${log.looks} looks at entries`);
    assert.ok(log.pages <= 1, "one page at a time");
    assert.ok(room.entries.length <= ENTRIES_MAX);
  };
  room.enter();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(room.entries.at(-1)?.offset, HEAD);

  room.follow(false);
  let steps = 0;
  for (; room.older; steps += 1) await step(() => room.loadOlder());
  assert.equal(room.entries[0]?.offset, 1);
  assert.equal(steps, HEAD / PAGE - 1);
  assert.equal(room.ahead, HEAD - ENTRIES_MAX);

  await step(async () => {
    log.head += 1;
    room.live(log.entry(log.head));
  });
  assert.equal(room.ahead, HEAD - ENTRIES_MAX + 1, "it is known, and not in the way");

  for (let offset = ENTRIES_MAX; room.ahead > 0; ) {
    await step(() => room.loadNewer());
    const last = room.entries.at(-1)?.offset ?? 0;
    assert.ok(last > offset, "it goes on");
    offset = last;
  }
  assert.equal(room.entries.at(-1)?.offset, HEAD + 1);
  assert.equal(log.largest, PAGE);
});

test("a live entry costs the same, however many are held", async () => {
  const log = new LongLog();
  const room = new Room(log, "r");
  room.enter();
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < ENTRIES_MAX * 2; i += 1) {
    log.head += 1;
    const entry = log.entry(log.head);
    log.looks = 0;
    room.live(entry);
    assert.ok(log.looks <= 2 * ENTRIES_MAX, `${log.looks} looks at entries`);
  }
  assert.equal(room.entries.length, ENTRIES_MAX);
});
