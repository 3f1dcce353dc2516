// Where a room is opened, what is unread in it, and what it does in the background.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTEXT, PAGE } from "../client/entrance.ts";
import type { Position } from "../client/protocol.ts";
import { Room, type RoomOptions } from "../client/room.ts";
import { ENTRIES_MAX } from "../client/timeline.ts";
import { Later, Log, ME, Pipe } from "./support.ts";

const at = (offset: number, epoch = "e1"): Position => ({ epoch, offset });

/** A room with so many entries, joined. */
async function roomWith(entries: number, options: RoomOptions = {}, kept = entries) {
  const log = new Log();
  log.grow(entries);
  log.trim(kept);
  const pipe = new Pipe(log);
  const room = new Room(pipe, "r", { later: new Later().later, catchUp: false, ...options });
  const told: string[] = [];
  room.on("reset", ({ restarted }) => told.push(restarted ? "restarted" : "gap"));
  room.on("recovered", ({ count }) => told.push(`recovered ${count}`));
  room.on("entry", ({ entry }) => told.push(`${entry.offset}`));
  room.on("seen", ({ offset }) => told.push(`seen ${offset}`));
  pipe.connect(room);
  await pipe.flush();
  const away = async (happens: () => void) => {
    pipe.drop();
    happens();
    pipe.connect(room);
    await pipe.flush();
  };
  return { log, pipe, room, told, away };
}

const ends = ({ entries }: Room) => [entries[0]?.offset, entries.at(-1)?.offset];

test("a new room has nothing unread; what comes then is", async () => {
  const { log, pipe, room, told } = await roomWith(500, { background: true });
  assert.deepEqual([room.unread, room.seen], [0, at(500)]);
  assert.deepEqual(told, ["seen 500"], "so that it can be kept");
  log.grow(3);
  await pipe.flush();
  assert.equal(room.unread, 3);
  room.read(at(502));
  assert.equal(room.unread, 1);
  room.read(at(501));
  assert.equal(room.unread, 1, "nothing is unread again");
  room.read();
  assert.equal(room.unread, 0);
  assert.deepEqual(told.slice(-2), ["seen 502", "seen 503"]);
});

test("a room in the background costs one entry, at first and after every absence", async () => {
  const { log, pipe, room, told, away } = await roomWith(5_000, { background: true, seen: at(10) });
  assert.equal(room.unread, 4_990);
  assert.equal(room.entries.length, 1);
  await away(() => log.grow(2_000));
  assert.equal(room.unread, 6_990);
  assert.equal(room.entries.length, 1);
  assert.deepEqual(told, ["recovered 2000"]);
  assert.deepEqual(pipe.asked, ["join", "join"]);
  assert.deepEqual(pipe.takes, [
    { room: "r", limit: 1 },
    { room: "r", limit: 1 },
  ]);
});

test("a room in the background is live, and holds no more than any other", async () => {
  const { log, pipe, room, told } = await roomWith(0, { background: true });
  log.grow(ENTRIES_MAX + 50);
  await pipe.flush();
  assert.equal(told.length, ENTRIES_MAX + 51);
  assert.equal(room.entries.length, ENTRIES_MAX);
  assert.deepEqual(pipe.asked, ["join"]);
});

test("what a room in the background holds is shown without asking again", async () => {
  const { log, pipe, room, away } = await roomWith(CONTEXT * 2, { seen: at(CONTEXT * 2) });
  room.hide();
  log.grow(4);
  await pipe.flush();
  await away(() => {});
  room.show("unread");
  assert.deepEqual(ends(room), [1, CONTEXT * 2 + 4]);
  assert.equal(room.unread, 4);
  assert.deepEqual(pipe.asked, ["join", "join"]);
});

test("a room that was only counted is brought to the front at its end", async () => {
  const { log, pipe, room, told } = await roomWith(500, { background: true });
  log.grow(2);
  await pipe.flush();
  room.show();
  await pipe.flush();
  assert.deepEqual(ends(room), [502 - PAGE - 2, 502]);
  assert.equal(room.following, true);
  assert.deepEqual(told, ["seen 500", "501", "502"], "history is no news");
});

test("a room is opened where reading ended, and pages both ways", async () => {
  const { pipe, room, told } = await roomWith(1_000, { seen: at(400), at: "unread" });
  assert.deepEqual(ends(room), [400 - CONTEXT + 1, 400 - CONTEXT + PAGE]);
  assert.deepEqual([room.unread, room.following, room.older], [600, false, true]);
  void room.loadOlder();
  await pipe.flush();
  void room.loadNewer();
  await pipe.flush();
  assert.deepEqual(ends(room), [400 - CONTEXT - PAGE + 1, 400 - CONTEXT + PAGE * 2]);
  assert.deepEqual(told, [], "history is no news");
});

test("a room with little unread is opened with its end in sight, and follows it", async () => {
  const { log, pipe, room, told } = await roomWith(1_000, { seen: at(995), at: "unread" });
  assert.deepEqual(ends(room), [995 - CONTEXT + 1, 1_000]);
  assert.equal(room.following, true);
  log.grow(1);
  await pipe.flush();
  assert.deepEqual(told, ["1001"]);
});

test("a room in the background is brought to the front where reading ended", async () => {
  const { log, pipe, room, told } = await roomWith(300, { background: true });
  log.grow(ENTRIES_MAX + 200);
  await pipe.flush();
  room.show("unread");
  log.grow(1);
  await pipe.flush();
  assert.deepEqual(ends(room), [300 - CONTEXT + 1, 300 - CONTEXT + PAGE]);
  assert.equal(room.unread, ENTRIES_MAX + 201);
  assert.ok(!told.some((what) => what.startsWith("recovered")));
});

test("an opening that is lost with the connection is made after it", async () => {
  const { pipe, room } = await roomWith(1_000, { background: true, seen: at(400) });
  room.show("unread");
  pipe.drop();
  pipe.connect(room);
  await pipe.flush();
  assert.deepEqual(ends(room), [400 - CONTEXT + 1, 400 - CONTEXT + PAGE]);
});

test("a room whose past is gone is opened at its first unread entry all the same", async () => {
  const { pipe, room, told } = await roomWith(1_000, { seen: at(400), at: "unread" }, 600);
  assert.deepEqual(ends(room), [401, 400 + PAGE]);
  assert.deepEqual(told, []);
  assert.equal(pipe.asked.length, 2);
});

test("unread entries that are gone are said to be", async () => {
  const { room, told } = await roomWith(1_000, { seen: at(400), at: "unread" }, 500);
  assert.deepEqual(ends(room), [1_000 - PAGE + 1, 1_000]);
  assert.deepEqual([room.unread, told], [600, ["gap"]]);
});

test("a log that began anew is unread, whatever was read of the old one", async () => {
  const { log, pipe, room, told, away } = await roomWith(20, { background: true });
  log.restart(3);
  pipe.announceReset();
  await pipe.flush();
  assert.deepEqual([room.unread, room.seen], [3, at(20)]);
  room.read(at(25));
  assert.equal(room.unread, 3, "a place in another life is none");
  room.read();
  assert.deepEqual([room.unread, room.seen], [0, at(3, "e2")]);
  await away(() => log.restart(2));
  assert.equal(room.unread, 2);
  assert.deepEqual(told, ["seen 20", "restarted", "seen 3", "restarted"]);
});

test("what we say ourselves is not unread, unless there is more before it", async () => {
  const { log, pipe, room } = await roomWith(5, { background: true });
  log.append(ME, "mine-from-elsewhere", "x");
  await pipe.flush();
  assert.equal(room.unread, 0);
  log.grow(1);
  log.append(ME, "mine-as-well", "x");
  await pipe.flush();
  assert.equal(room.unread, 2);
});

test("another life of the program goes on behind the place of the last one", async () => {
  const { log, pipe, room } = await roomWith(5);
  log.grow(1);
  await pipe.flush();
  const after = room.position;
  pipe.drop();
  log.grow(PAGE * 2);
  const second = new Room(pipe, "r", { after });
  const told: number[] = [];
  second.on("entry", ({ entry }) => told.push(entry.offset));
  pipe.connect(second);
  await pipe.flush();
  assert.deepEqual([told[0], told.length], [7, PAGE * 2]);
});

test("who is counted and who types is known, and not ourselves among them", async () => {
  const { log, pipe, room } = await roomWith(0);
  assert.equal(room.members, 1);
  room.attended({ room: "r", joined: [], left: ["u"], count: 7 });
  assert.equal(room.members, 7);
  const users = [
    { user: ME, name: "Me" },
    { user: "u", name: "You" },
    { user: "v", name: "They" },
  ];
  room.typed({ room: "r", users });
  assert.deepEqual(
    room.typists.map(({ name }) => name),
    ["You", "They"],
  );
  log.append("u", "said", "what was typed");
  await pipe.flush();
  assert.deepEqual(
    room.typists.map(({ name }) => name),
    ["They"],
  );
  pipe.drop();
  assert.deepEqual(room.typists, []);
});

test("sending and leaving the front end typing; a lost connection does so without a word", async () => {
  const later = new Later();
  const { pipe, room } = await roomWith(0, { later: later.later });
  const typing = () => {
    const takes = pipe.takes.filter((_, i) => pipe.asked[i] === "typing");
    return takes.map((told) => "on" in told && told.on);
  };
  room.typing(true);
  room.send("what was typed");
  await pipe.flush();
  await later.goOff();
  assert.deepEqual(typing(), [true, false]);
  await later.goOff();
  room.typing(true);
  room.hide();
  await later.goOff();
  assert.deepEqual(typing(), [true, false, true, false]);
  await later.goOff();
  room.typing(true);
  pipe.drop();
  room.typing(true);
  pipe.connect(room);
  await pipe.flush();
  assert.equal(later.waiting, 0);
  assert.equal(typing().length, 5);
});

test("a message can answer another one", async () => {
  const { pipe, room } = await roomWith(3);
  room.send("yes", { replyTo: room.entries[1] });
  const sent = pipe.takes.at(-1) as { replyTo?: Position };
  assert.deepEqual(sent.replyTo, at(2));
});
