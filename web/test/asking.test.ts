import assert from "node:assert/strict";
import { test } from "node:test";
import { ASKED_MAX, Asking, granted, Refused, WAITED_MS_MAX } from "../client/asking.ts";
import { Connection, Unanswered } from "../client/connection.ts";
import { Later, settled } from "./support.ts";
import { FakeWire, welcome } from "./wire.ts";

function setUp({ online = true } = {}) {
  const wire = new FakeWire();
  const connection = new Connection(wire, { name: "Awa" });
  const later = new Later();
  const asking = new Asking(connection, later.later);
  const come = async () => {
    wire.hear("palabre:welcome", welcome());
    await settled();
  };
  const go = async () => {
    wire.hear("disconnect", "transport close");
    await settled();
  };
  connection.connect();
  if (online) wire.hear("palabre:welcome", welcome());
  const answer = async (given: object) => {
    wire.emitted.shift()?.answer(given);
    await settled();
  };
  return { wire, connection, later, asking, come, go, answer };
}

const refusal = (code: string, more = {}) => {
  return { ok: false, error: { code, message: `${code}, it says`, ...more } };
};

test("a command that is asked while offline is asked once we are welcomed", async () => {
  const { wire, asking, come, answer } = setUp({ online: false });
  const asked = asking.ask("who", { room: "r" });
  await settled();
  assert.equal(wire.emitted.length, 0);
  await come();
  assert.deepEqual(wire.emitted[0]?.takes, { room: "r" });
  await answer({ ok: true, members: [], count: 0 });
  assert.deepEqual(await asked, { ok: true, members: [], count: 0 });
});

test("a command whose answer is lost with the connection is asked again after it", async () => {
  const { wire, asking, come, go, answer } = setUp();
  let doubts = 0;
  const doubtful = () => {
    doubts += 1;
  };
  const asked = asking.ask("rename", { name: "Binta" }, { doubtful });
  await settled();
  wire.emitted = [];
  for (let i = 0; i < 3; i += 1) {
    await go();
    assert.equal(wire.emitted.length, 0);
    await come();
    assert.deepEqual(wire.emitted[0]?.takes, { name: "Binta" });
    if (i < 2) wire.emitted = [];
  }
  assert.equal(doubts, 3);
  await answer({ ok: true, user: "u1", name: "Binta" });
  assert.equal((await asked).ok, true);
  assert.equal(wire.emitted.length, 0);
});

test("a refusal that passes is waited out, any other is the answer", async () => {
  const { wire, later, asking, answer } = setUp();
  const doubts: string[] = [];
  const doubtful = () => doubts.push("perhaps carried out");
  const asked = asking.ask("who", { room: "r" }, { doubtful });
  await settled();
  await answer(refusal("rate_limited", { retryAfterMs: 5 }));
  assert.deepEqual([wire.emitted.length, later.waiting, doubts.length], [0, 1, 0]);
  await later.goOff();
  await answer(refusal("unavailable"));
  assert.equal(doubts.length, 1);
  await later.goOff();
  await answer(refusal("not_found"));
  await assert.rejects(granted(asked), (error: Refused) => {
    return error instanceof Refused && error.refusal.code === "not_found";
  });
});

test("a wait that is long is told, not waited for", async () => {
  const { later, asking, answer } = setUp();
  const asked = asking.ask("create", { room: "r" });
  await settled();
  await answer(refusal("rate_limited", { retryAfterMs: WAITED_MS_MAX + 1 }));
  assert.deepEqual([(await asked).ok, later.waiting], [false, 0]);
});

test("who gives up is not asked for any more", async () => {
  const { wire, later, asking, go, come, answer } = setUp({ online: false });
  const giveUp = new AbortController();
  const asked = asking.ask("who", { room: "r" }, { signal: giveUp.signal });
  giveUp.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  await come();
  assert.equal(wire.emitted.length, 0, "while offline");

  const resting = new AbortController();
  const second = asking.ask("who", { room: "r" }, { signal: resting.signal });
  await settled();
  await answer(refusal("unavailable"));
  resting.abort(new Error("enough"));
  await assert.rejects(second, /enough/);
  assert.equal(later.waiting, 0, "while resting");
  await go();
  await come();
  assert.equal(wire.emitted.length, 0);
});

test("nothing is asked of a connection that nobody opens", async () => {
  const { connection, asking, wire } = setUp();
  const asked = asking.ask("who", { room: "r" });
  await settled();
  connection.close();
  await assert.rejects(asked, Unanswered);
  await assert.rejects(asking.ask("who", { room: "r" }), Unanswered);
  connection.connect();
  const again = asking.ask("who", { room: "r" });
  wire.active = false;
  wire.hear("connect_error", new Error("no"));
  await assert.rejects(again, Unanswered, "nor of one that is refused");
});

test("only so many commands wait at once", async () => {
  const { wire, asking, come } = setUp({ online: false });
  const asked = Array.from({ length: ASKED_MAX }, () => asking.ask("who", { room: "r" }));
  await assert.rejects(asking.ask("who", { room: "r" }), /too many/);
  await come();
  assert.equal(wire.emitted.length, ASKED_MAX);
  for (const { answer } of wire.emitted.splice(0)) answer({ ok: true, members: [], count: 0 });
  await Promise.all(asked);
  const fits = asking.ask("who", { room: "r" });
  await settled();
  wire.emitted[0]?.answer({ ok: true, members: [], count: 0 });
  await fits;
});
