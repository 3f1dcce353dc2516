// The whole client over a socket without a network: rooms together.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { LISTED_SEEN_MAX, Palabre, Refused } from "../client/index.ts";
import type { ListedRoom } from "../client/protocol.ts";
import { settled } from "./support.ts";
import { FakeWire, welcome } from "./wire.ts";

function setUp(t: TestContext) {
  const wire = new FakeWire();
  const palabre = new Palabre({ url: "http://chat.example/", name: "Awa" }, () => wire);
  t.after(() => palabre.close());
  palabre.connect();
  wire.hear("palabre:welcome", welcome());
  /** Answers the oldest command, which must be this one. */
  const answer = async (command: string, given: object) => {
    await settled();
    const asked = wire.emitted.shift();
    assert.equal(asked?.command, command);
    asked.answer({ ok: true, ...given });
    await settled();
    return asked.takes;
  };
  const goAndCome = async () => {
    await settled();
    wire.hear("disconnect", "transport close");
    wire.emitted = [];
    await settled();
    wire.hear("palabre:welcome", welcome());
    await settled();
  };
  return { wire, palabre, answer, goAndCome };
}

const joined = (room: string, head = 0) => {
  return { room, epoch: "e1", head, entries: [], more: false, members: 1 };
};
const conflict = { ok: false, error: { code: "conflict", message: "there is one" } };
const garden: ListedRoom = {
  room: "garden",
  title: "The garden",
  epoch: "e1",
  head: 0,
  unread: 0,
  members: 1,
  private: false,
};
const wanted = { title: "The garden" };

test("what is read comes first when we are back, then the background", async (t) => {
  const { wire, palabre, goAndCome } = setUp(t);
  palabre.join("a", { background: true });
  palabre.join("b");
  palabre.join("c", { background: true });
  await goAndCome();
  assert.deepEqual(
    wire.emitted.map(({ takes }) => takes),
    [
      { room: "b", limit: 100 },
      { room: "a", limit: 1 },
      { room: "c", limit: 1 },
    ],
  );
});

test("events go to their room, and a room is joined once", async (t) => {
  const { wire, palabre, answer } = setUp(t);
  const room = palabre.join("Garden");
  await answer("join", joined("garden"));
  assert.equal(palabre.join("GARDEN"), room);
  assert.equal(wire.emitted.length, 0);
  const other = palabre.join("other");
  await answer("join", joined("other"));
  wire.hear("presence", { room: "garden", joined: [], left: [], count: 5 });
  wire.hear("typing", { room: "garden", users: [{ user: "u", name: "You" }] });
  assert.deepEqual([room.members, other.members], [5, 1]);
  assert.deepEqual([room.typists.length, other.typists.length], [1, 0]);
  void palabre.leave(room);
  wire.hear("presence", { room: "garden", joined: [], left: [], count: 6 });
  assert.equal(room.members, 5);
  assert.notEqual(palabre.join("garden"), room);
});

test("rooms are listed with what was read of them", async (t) => {
  const { palabre, answer } = setUp(t);
  palabre.join("a", { seen: { epoch: "e1", offset: 3 } });
  await answer("join", joined("a", 9));
  const seen = { a: { epoch: "e0", offset: 1 }, b: { epoch: "e1", offset: 2 } };
  const listed = palabre.rooms({ seen });
  const takes = await answer("rooms", { rooms: [garden], more: false });
  assert.deepEqual(takes, {
    seen: [
      { room: "a", epoch: "e1", offset: 3 },
      { room: "b", epoch: "e1", offset: 2 },
    ],
  });
  assert.deepEqual((await listed).rooms, [garden]);
});

test("no more positions are told than a server takes", async (t) => {
  const { palabre, answer } = setUp(t);
  const place = { epoch: "e1", offset: 1 };
  const many = Array.from({ length: LISTED_SEEN_MAX + 5 }, (_, i) => [`r${i}`, place]);
  void palabre.rooms({ seen: Object.fromEntries(many) });
  const takes = (await answer("rooms", { rooms: [] })) as { seen: unknown[] };
  assert.equal(takes.seen.length, LISTED_SEEN_MAX);
});

test("a room is made, and then lived in", async (t) => {
  const { palabre, answer } = setUp(t);
  const made = palabre.create("Garden", { title: "The garden", private: true, background: true });
  const takes = await answer("create", joined("garden"));
  assert.deepEqual(takes, { room: "Garden", title: "The garden", private: true });
  await answer("join", { ...joined("garden"), title: "The garden" });
  const room = await made;
  assert.deepEqual([room.key, room.title, room.shown], ["garden", "The garden", false]);
  assert.equal(palabre.room("garden"), room);
});

test("a room that is there already is a conflict", async (t) => {
  const { palabre, answer } = setUp(t);
  const made = palabre.create("garden", wanted);
  const refused = assert.rejects(made, (error: Refused) => error.refusal.code === "conflict");
  await answer("create", conflict);
  await refused;
  assert.deepEqual(palabre.joined, []);
});

test("a conflict after a lost answer is looked into: it may be what we made", async (t) => {
  const { palabre, answer, goAndCome } = setUp(t);
  const made = palabre.create("Garden", wanted);
  await goAndCome();
  await answer("create", conflict);
  await answer("rooms", { rooms: [garden] });
  assert.equal((await made).key, "garden");
});

for (const [what, there] of [
  ["is not listed", []],
  ["has another title", [{ ...garden, title: "Another garden" }]],
  ["is private, and ours was not to be", [{ ...garden, private: true }]],
] as const) {
  test(`a conflict after a lost answer is one where the room ${what}`, async (t) => {
    const { palabre, answer, goAndCome } = setUp(t);
    const refused = assert.rejects(palabre.create("Garden", wanted), Refused);
    await goAndCome();
    await answer("create", conflict);
    await answer("rooms", { rooms: there });
    await refused;
  });
}

test("the token is the one that was given, until a welcome brings another", (t) => {
  const wire = new FakeWire();
  const palabre = new Palabre({ url: "http://x/", name: "Awa", token: "old" }, () => wire);
  t.after(() => palabre.close());
  palabre.connect();
  assert.equal(palabre.token, "old");
  wire.hear("palabre:welcome", welcome({ token: "new" }));
  assert.equal(palabre.token, "new");
});

test("a new name is asked for until it is answered, and used at the next connect", async (t) => {
  const { wire, palabre, goAndCome } = setUp(t);
  const renamed = palabre.rename("Binta");
  await goAndCome();
  assert.deepEqual(wire.emitted[0]?.takes, { name: "Binta" });
  wire.emitted[0]?.answer({ ok: true, user: "u1", name: "Binta" });
  assert.equal(await renamed, undefined);
  assert.equal(palabre.welcome?.name, "Binta");
});
