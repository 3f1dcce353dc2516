import assert from "node:assert/strict";
import { test } from "node:test";
import type { Joined } from "../client/protocol.ts";
import { ENTRIES_MAX, HELD_MAX, Timeline } from "../client/timeline.ts";
import { entriesOf, entryAt } from "./support.ts";

function joinedAt(from: number, to: number, more = from > 1): Joined {
  return { room: "r", epoch: "e1", head: to, entries: entriesOf(from, to), more, members: 1 };
}

function timelineOf(from: number, to: number): Timeline {
  const timeline = new Timeline();
  assert.equal(timeline.joined(joinedAt(from, to), undefined), "nothing");
  return timeline;
}

const offsets = (timeline: Timeline) => timeline.entries.map(({ offset }) => offset);
const range = (from: number, to: number) => entriesOf(from, to).map(({ offset }) => offset);

test("a first join shows the newest entries and knows whether there are older ones", () => {
  const timeline = timelineOf(5, 9);
  assert.deepEqual(offsets(timeline), range(5, 9));
  assert.equal(timeline.older, true);
  assert.deepEqual(timeline.position, { epoch: "e1", offset: 9 });
  assert.equal(timelineOf(1, 3).older, false);
});

test("an empty room has a position, too", () => {
  assert.deepEqual(timelineOf(1, 0).position, { epoch: "e1", offset: 0 });
});

test("live entries follow, and what was seen already is dropped", () => {
  const timeline = timelineOf(1, 3);
  for (const offset of [4, 4, 2, 5]) assert.equal(timeline.live(entryAt(offset)), "nothing");
  assert.deepEqual(offsets(timeline), range(1, 5));
});

test("a hole before a live entry is read, and the entry then takes its place", () => {
  const timeline = timelineOf(1, 3);
  assert.equal(timeline.live(entryAt(6)), "read");
  assert.equal(timeline.live(entryAt(7)), "nothing", "it is being read already");
  assert.deepEqual(offsets(timeline), range(1, 3));
  const page = { epoch: "e1", head: 6, entries: entriesOf(4, 6), more: false };
  assert.equal(timeline.pagedAfter(page, 3), "nothing");
  assert.deepEqual(offsets(timeline), range(1, 7));
  assert.equal(timeline.behind, false);
});

test("a return continues where it was, without gap or double", () => {
  const timeline = timelineOf(1, 3);
  const after = timeline.position;
  const answer = { ...joinedAt(3, 6), more: false };
  assert.equal(timeline.joined(answer, after), "nothing");
  assert.deepEqual(offsets(timeline), range(1, 6));
});

test("a return that finds more than a page knows that it is behind", () => {
  const timeline = timelineOf(1, 3);
  const answer = { ...joinedAt(4, 8), head: 20, more: true };
  assert.equal(timeline.joined(answer, timeline.position), "nothing");
  assert.equal(timeline.behind, true);
  assert.equal(timeline.live(entryAt(21)), "nothing");
  assert.equal(
    timeline.pagedAfter({ epoch: "e1", head: 20, entries: entriesOf(9, 20), more: false }, 8),
    "nothing",
  );
  assert.deepEqual(offsets(timeline), range(1, 21));
});

test("a reset replaces everything, and its end is read", () => {
  const timeline = timelineOf(1, 3);
  timeline.follow(false);
  const entries = entriesOf(8, 9, "e2");
  const answer = { ...joinedAt(8, 9), epoch: "e2", entries, reset: true, more: false };
  assert.equal(timeline.joined(answer, timeline.position), "nothing");
  assert.deepEqual(offsets(timeline), range(8, 9));
  assert.equal(timeline.epoch, "e2");
  assert.equal(timeline.following, true);
  assert.equal(timeline.older, true, "the entries do not begin with the first one");
});

test("what can't be continued asks to join again", () => {
  const hole = { epoch: "e1", head: 9, entries: entriesOf(6, 9), more: false };
  assert.equal(timelineOf(1, 3).pagedAfter(hole, 3), "rejoin", "trimmed in between");
  const short = { epoch: "e1", head: 9, entries: entriesOf(4, 8), more: false };
  assert.equal(timelineOf(1, 3).pagedAfter(short, 3), "rejoin", "the page ends before the head");
  const torn = { epoch: "e1", head: 6, entries: [entryAt(4), entryAt(6)], more: false };
  assert.equal(timelineOf(1, 3).pagedAfter(torn, 3), "rejoin", "a hole inside the page");
  const other = { epoch: "e2", head: 4, entries: entriesOf(4, 4, "e2"), more: false };
  assert.equal(timelineOf(1, 3).pagedAfter(other, 3), "rejoin", "another life of the log");
  assert.equal(timelineOf(1, 3).pagedBefore(other, 1), "rejoin");
  assert.equal(timelineOf(1, 3).live(entryAt(4, { epoch: "e2" })), "rejoin");
});

test("older pages come before what is there", () => {
  const timeline = timelineOf(51, 60);
  timeline.follow(false);
  timeline.pagedBefore(
    { epoch: "e1", head: 60, entries: entriesOf(41, 52), more: true },
    timeline.first,
  );
  assert.deepEqual(offsets(timeline), range(41, 60));
  assert.equal(timeline.older, true);
  timeline.pagedBefore(
    { epoch: "e1", head: 60, entries: entriesOf(38, 40), more: false },
    timeline.first,
  );
  assert.deepEqual(offsets(timeline), range(38, 60));
  assert.equal(timeline.older, false);
});

test("an older page that does not adjoin is not shown", () => {
  const timeline = timelineOf(51, 60);
  timeline.pagedBefore(
    { epoch: "e1", head: 60, entries: entriesOf(30, 40), more: true },
    timeline.first,
  );
  assert.deepEqual(offsets(timeline), range(51, 60));
  assert.equal(timeline.older, false);
});

test("who reads the end loses the far beginning, and can page back to it", () => {
  const timeline = timelineOf(1, ENTRIES_MAX);
  timeline.live(entryAt(ENTRIES_MAX + 1));
  assert.deepEqual(offsets(timeline), range(2, ENTRIES_MAX + 1));
  assert.equal(timeline.older, true);
});

test("who reads further up loses nothing of it, and can page on to the end", () => {
  const timeline = timelineOf(1, ENTRIES_MAX);
  timeline.follow(false);
  for (let i = 1; i <= 5; i += 1) timeline.live(entryAt(ENTRIES_MAX + i));
  assert.deepEqual(offsets(timeline), range(1, ENTRIES_MAX));
  assert.equal(timeline.behind, true);
  assert.equal(timeline.follow(true), "nothing", "what was held closes the hole");
  assert.deepEqual(offsets(timeline), range(6, ENTRIES_MAX + 5));
});

test("an older page pushes the end out, which is read again later", () => {
  const timeline = timelineOf(101, 100 + ENTRIES_MAX);
  timeline.follow(false);
  const head = 100 + ENTRIES_MAX;
  timeline.pagedBefore(
    { epoch: "e1", head, entries: entriesOf(1, 100), more: false },
    timeline.first,
  );
  assert.deepEqual(offsets(timeline), range(1, ENTRIES_MAX));
  assert.equal(timeline.behind, true);
  const entries = entriesOf(ENTRIES_MAX + 1, head);
  timeline.pagedAfter({ epoch: "e1", head, entries, more: false }, timeline.last);
  assert.deepEqual(offsets(timeline), range(101, head));
});

test("what is held behind a hole is bounded", () => {
  const timeline = timelineOf(1, 3);
  for (let offset = 5; offset < 5 + HELD_MAX * 3; offset += 1) timeline.live(entryAt(offset));
  timeline.pagedAfter(
    { epoch: "e1", head: 4, entries: entriesOf(4, 4), more: false },
    timeline.last,
  );
  assert.deepEqual(offsets(timeline), range(1, 4), "the first ones were let go");
  assert.equal(timeline.behind, true, "and are known to be missing");
});

test("a page that was asked for before the stretch has moved means nothing", () => {
  const timeline = timelineOf(101, 350);
  const { first, last } = timeline;
  const before = { epoch: "e1", head: 400, entries: entriesOf(1, 100), more: false };
  for (let offset = 351; offset <= 401; offset += 1) timeline.live(entryAt(offset));
  assert.equal(timeline.pagedBefore(before, first), "nothing");
  assert.equal(timeline.older, true, "it can be asked for again");
  assert.deepEqual(offsets(timeline), range(102, 401));

  timeline.follow(false);
  const older = { epoch: "e1", head: 401, entries: entriesOf(2, 101), more: true };
  timeline.live(entryAt(403));
  timeline.pagedBefore(older, timeline.first);
  const after = { epoch: "e1", head: 403, entries: entriesOf(402, 403), more: false };
  assert.equal(timeline.pagedAfter(after, 401), "nothing", "nothing is lost");
  assert.equal(timeline.pagedAfter({ ...after, entries: [], more: true }, last), "nothing");
  assert.deepEqual(offsets(timeline), range(2, 301));
});
