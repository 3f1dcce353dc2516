import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE } from "../client/entrance.ts";
import type { Outgoing } from "../client/outbox.ts";
import { Room, type RoomOptions } from "../client/room.ts";
import { ENTRIES_MAX } from "../client/timeline.ts";
import { entryAt, Later, Log, ME, Pipe, settled } from "./support.ts";

/** A room with so many entries, joined. */
async function roomWith(entries: number, options: RoomOptions = {}) {
  const log = new Log();
  log.grow(entries);
  const pipe = new Pipe(log);
  const later = new Later();
  let made = 0;
  const newId = () => `mine-${made++}`;
  const room = new Room(pipe, "r", { later: later.later, newId, ...options });
  const told: string[] = [];
  room.on("entry", ({ entry, live }) => told.push(`${entry.offset}${live ? "" : " missed"}`));
  room.on("recovered", ({ count }) => told.push(`recovered ${count}`));
  room.on("reset", ({ restarted }) => told.push(restarted ? "restarted" : "gap"));
  pipe.connect(room);
  await pipe.flush();
  return { log, pipe, later, room, told };
}

const offsets = (room: Room) => room.entries.map(({ offset }) => offset);
const texts = (room: Room) => room.entries.map(({ text }) => text);
const states = (room: Room) => room.outgoing.map(({ text, state }) => `${text} ${state}`);

test("a joined room shows what is there, and what comes", async () => {
  const { log, pipe, room, told } = await roomWith(3);
  log.grow(1);
  await pipe.flush();
  assert.deepEqual(offsets(room), [1, 2, 3, 4]);
  assert.deepEqual(told, ["4"], "history is not told as news");
});

test("what comes in one packet with the answer to a join is not lost", async () => {
  const { log, pipe, room } = await roomWith(3);
  pipe.drop();
  log.grow(2);
  pipe.connect(room);
  pipe.serve();
  log.grow(2);
  await pipe.deliverTogether(3);
  assert.deepEqual(offsets(room), [1, 2, 3, 4, 5, 6, 7]);
  const first = new Room(pipe, "r");
  pipe.drop();
  pipe.connect(first);
  pipe.serve();
  log.grow(1);
  await pipe.deliverTogether(2);
  assert.deepEqual(offsets(first), [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("a message is pending, then placed, then an entry", async () => {
  const { pipe, room } = await roomWith(0);
  room.send("hello");
  assert.deepEqual(states(room), ["hello pending"]);
  await pipe.flush();
  assert.deepEqual(states(room), []);
  assert.deepEqual(texts(room), ["hello"]);
});

test("a message written while away is sent once when we are back", async () => {
  const { log, pipe, room } = await roomWith(0);
  pipe.drop();
  room.send("one");
  room.send("two");
  assert.deepEqual(states(room), ["one waiting", "two waiting"]);
  pipe.connect(room);
  await pipe.flush();
  assert.deepEqual(texts(room), ["one", "two"]);
  assert.equal(log.entries.length, 2);
  assert.deepEqual(states(room), []);
});

test("a message whose answer was lost is not said twice", async () => {
  const { log, pipe, room } = await roomWith(0);
  room.send("once");
  pipe.serve();
  pipe.drop();
  assert.deepEqual(states(room), ["once waiting"]);
  pipe.connect(room);
  await pipe.flush();
  assert.equal(log.entries.length, 1);
  assert.deepEqual(texts(room), ["once"]);
  assert.deepEqual(states(room), []);
});

test("an unavailable log is asked again after a while, with the same id", async () => {
  const { log, pipe, later, room } = await roomWith(0);
  pipe.refuseWith = { code: "unavailable", stored: true };
  room.send("perhaps stored");
  await pipe.flush();
  assert.equal(log.entries.length, 1);
  pipe.refuseWith = { code: "unavailable", stored: false };
  room.send("not stored");
  await later.goOff();
  await pipe.flush();
  assert.deepEqual(states(room), ["not stored waiting"]);
  await later.goOff();
  await pipe.flush();
  assert.deepEqual(texts(room), ["perhaps stored", "not stored"]);
  assert.equal(log.entries.length, 2);
});

test("a return reads what was missed, and tells it", async () => {
  const { log, pipe, room, told } = await roomWith(2);
  pipe.drop();
  log.grow(3);
  pipe.connect(room);
  await pipe.flush();
  assert.deepEqual(offsets(room), [1, 2, 3, 4, 5]);
  assert.deepEqual(told, ["3 missed", "4 missed", "5 missed", "recovered 3"]);
});

test("a long absence is read page by page to the end", async () => {
  const { log, pipe, room, told } = await roomWith(1);
  pipe.drop();
  log.grow(PAGE * 5);
  pipe.connect(room);
  log.grow(2);
  await pipe.flush();
  assert.equal(told.filter((what) => what.endsWith("missed")).length, PAGE * 5 + 2);
  assert.equal(room.ahead, 0);
  assert.equal(room.entries.length, ENTRIES_MAX);
});

test("a reader who does not want to catch up stays, and pages when asked", async () => {
  const { log, pipe, room } = await roomWith(1, { catchUp: false });
  pipe.drop();
  log.grow(PAGE * 5);
  pipe.connect(room);
  await pipe.flush();
  assert.equal(room.following, false);
  assert.equal(room.entries.at(-1)?.offset, PAGE + 1);
  assert.equal(room.ahead, PAGE * 4);
  void room.loadNewer();
  await pipe.flush();
  assert.equal(room.entries.at(-1)?.offset, PAGE * 2 + 1);
  void room.jumpToNewest();
  await pipe.flush();
  assert.equal(room.entries.at(-1)?.offset, PAGE * 5 + 1);
  assert.equal(room.following, true);
});

test("what was known before is not counted as missed", async () => {
  const { log, pipe, room, told } = await roomWith(PAGE * 5, { catchUp: false });
  room.follow(false);
  for (let i = 0; i < 4; i += 1) {
    void room.loadOlder();
    await pipe.flush();
  }
  assert.ok(room.ahead > 0, "the end was pushed out");
  pipe.drop();
  log.grow(2);
  pipe.connect(room);
  await pipe.flush();
  assert.deepEqual(told, ["recovered 2"]);
});

test("a log that no longer reaches back is said", async () => {
  const { log, pipe, room, told } = await roomWith(5);
  pipe.drop();
  log.grow(20);
  log.trim(3);
  pipe.connect(room);
  await pipe.flush();
  assert.deepEqual(offsets(room), [23, 24, 25]);
  assert.deepEqual(told, ["gap"]);
});

test("a log that lost its past is said, while connected and after", async () => {
  const { log, pipe, room, told } = await roomWith(5);
  log.restart(2);
  pipe.announceReset();
  log.grow(1);
  await pipe.flush();
  assert.deepEqual(offsets(room), [1, 2, 3]);
  pipe.drop();
  log.restart(1);
  pipe.connect(room);
  await pipe.flush();
  assert.deepEqual(offsets(room), [1]);
  assert.deepEqual(told, ["restarted", "restarted"]);
});

test("a reset is said even when the connection is lost in the middle of it", async () => {
  const { log, pipe, room, told } = await roomWith(5);
  log.restart(2);
  pipe.announceReset();
  await pipe.deliver();
  pipe.drop();
  pipe.connect(room);
  await pipe.flush();
  assert.deepEqual(told, ["restarted"]);
});

test("a reset is said once", async () => {
  const { log, pipe, room, told } = await roomWith(5, { catchUp: false });
  log.restart(2);
  pipe.announceReset();
  await pipe.flush();
  pipe.drop();
  log.grow(PAGE * 2);
  pipe.connect(room);
  await pipe.flush();
  void room.jumpToNewest();
  await pipe.flush();
  assert.deepEqual(
    told.filter((what) => !what.endsWith("missed")),
    ["restarted", `recovered ${PAGE * 2}`],
  );
});

test("a hole that is trimmed before it is read is said", async () => {
  const { log, pipe, room, told } = await roomWith(5);
  log.head += 3;
  log.entries = [];
  room.live(entryAt(9));
  log.head += 1;
  await pipe.flush();
  assert.deepEqual(told, ["gap"]);
  assert.equal(room.ahead, 0);
});

test("older pages are read once at a time, and stop at the beginning", async () => {
  const { pipe, room } = await roomWith(PAGE + 20);
  void room.loadOlder();
  void room.loadOlder();
  assert.equal(pipe.asked.filter((command) => command === "history").length, 1);
  await pipe.flush();
  assert.equal(room.entries.length, PAGE + 20);
  void room.loadOlder();
  assert.equal(pipe.asked.filter((command) => command === "history").length, 1);
});

test("a page that is lost with the connection is no page forever", async () => {
  const { pipe, room } = await roomWith(PAGE + 20);
  void room.loadOlder();
  pipe.drop();
  assert.deepEqual(room.loading, { older: false, newer: false });
  pipe.connect(room);
  await pipe.flush();
  void room.loadOlder();
  await pipe.flush();
  assert.equal(room.entries.length, PAGE + 20);
});

test("what an earlier page left unsent is sent, and not twice", async () => {
  const at = 1;
  const unsent: Outgoing[] = [
    { id: "known-id", text: "said", at, state: "pending" },
    { id: "other-id", text: "unsaid", at, state: "waiting" },
  ];
  const log = new Log();
  log.append(ME, "known-id", "said");
  const pipe = new Pipe(log);
  const room = new Room(pipe, "r", { unsent });
  pipe.connect(room);
  await pipe.flush();
  assert.deepEqual(texts(room), ["said", "unsaid"]);
  assert.deepEqual(states(room), []);
  assert.equal(pipe.asked.filter((command) => command === "send").length, 1);
});

test("a join that is lost with the connection is not tried besides the next one", async () => {
  const { pipe, later, room } = await roomWith(1);
  pipe.drop();
  pipe.connect(room);
  pipe.drop();
  await settled();
  assert.equal(later.waiting, 0);
  assert.equal(room.phase, "away");
  pipe.connect(room);
  await pipe.flush();
  assert.equal(room.phase, "joined");
});
