import assert from "node:assert/strict";
import { mock, test } from "node:test";
import {
  ANSWER_WAIT_MS,
  Connection,
  type Identity,
  Unanswered,
  WELCOME_WAIT_MS,
} from "../client/connection.ts";
import type { Answer } from "../client/protocol.ts";
import { FakeWire, welcome } from "./wire.ts";

function setUp(identity: Identity = { name: "Awa" }) {
  const wire = new FakeWire();
  const connection = new Connection(wire, identity);
  const lost: string[] = [];
  connection.on("lost", () => lost.push(connection.status.phase));
  const come = (given = welcome()) => {
    wire.hear("connect");
    wire.hear("palabre:welcome", given);
  };
  connection.connect();
  return { wire, connection, identity, lost, come };
}

test("a connection is online once it is welcomed, and not before", () => {
  const { wire, connection, come } = setUp();
  assert.equal(connection.status.phase, "connecting");
  wire.hear("connect");
  assert.equal(connection.online, false);
  come();
  assert.equal(connection.online, true);
  assert.equal(connection.welcome?.user, "u1");
});

test("the welcome's token and name are what the next connect says", () => {
  const { identity, come } = setUp({ name: " Awa " });
  come(welcome({ token: "t1", name: "Awa" }));
  assert.deepEqual(identity, { name: "Awa", token: "t1" });
});

test("what we said as another user before a reconnect is still ours", () => {
  const { wire, connection, come } = setUp();
  come(welcome({ user: "u1" }));
  wire.hear("disconnect", "transport close");
  come(welcome({ user: "u2" }));
  assert.deepEqual(
    ["u1", "u2", "u3"].map((user) => connection.isOwn(user)),
    [true, true, false],
  );
});

test("a server that never welcomes us is left", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { wire } = setUp();
    wire.hear("connect");
    mock.timers.tick(WELCOME_WAIT_MS - 1);
    assert.equal(wire.engineClosed, 0);
    mock.timers.tick(1);
    assert.equal(wire.engineClosed, 1);
  } finally {
    mock.timers.reset();
  }
});

test("a command is answered, and tells how long that took", async () => {
  const { wire, connection, come } = setUp();
  come();
  const request = connection.request("leave", { room: "r" });
  wire.emitted[0]?.answer({ ok: true });
  assert.deepEqual(await request, { ok: true });
  assert.ok((connection.status.roundTripMs ?? -1) >= 0);
});

test("a command is unanswered when the connection goes, or is not there", async () => {
  const { wire, connection, come, lost } = setUp();
  await assert.rejects(connection.request("leave", { room: "r" }), Unanswered);
  assert.equal(wire.emitted.length, 0, "socket.io-client would keep it for later");
  come();
  const request = connection.request("leave", { room: "r" });
  wire.hear("disconnect", "transport close");
  await assert.rejects(request, /the connection ended/);
  assert.deepEqual(lost, ["offline"]);
  const late: Answer<"leave"> = { ok: true };
  wire.emitted[0]?.answer(late);
  assert.equal(connection.status.roundTripMs, undefined, "a late answer means nothing");
});

test("a command is unanswered when it takes too long", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { connection, come } = setUp();
    come();
    const request = connection.request("leave", { room: "r" });
    mock.timers.tick(ANSWER_WAIT_MS);
    await assert.rejects(request, Unanswered);
  } finally {
    mock.timers.reset();
  }
});

test("the log's state is known from notices, and forgotten with the instance", () => {
  const { wire, connection, come } = setUp();
  come();
  wire.hear("notice", { code: "degraded", message: "" });
  assert.equal(connection.status.degraded, true);
  wire.hear("notice", { code: "healed", message: "" });
  assert.equal(connection.status.degraded, false);
  wire.hear("notice", { code: "degraded", message: "" });
  wire.hear("disconnect", "transport close");
  come();
  assert.equal(connection.status.degraded, false);
});

test("an ended connection is not tried again by itself", () => {
  const { wire, connection, come } = setUp();
  come();
  wire.active = false;
  wire.hear("disconnect", "io server disconnect");
  assert.equal(connection.status.phase, "refused");
  assert.equal(connection.status.reason, "io server disconnect");
  connection.connect();
  assert.equal(connection.status.phase, "offline");
  assert.equal(connection.status.reason, undefined);
});

test("a token that is not accepted is given up once", () => {
  const { wire, connection, identity } = setUp({ name: "Awa", token: "old" });
  const refusal = Object.assign(new Error("no"), { data: { code: "unauthorized" } });
  wire.active = false;
  wire.hear("connect_error", refusal);
  assert.equal(identity.token, undefined);
  assert.equal(wire.connects, 2);
  wire.hear("connect_error", refusal);
  assert.equal(wire.connects, 2);
  assert.equal(connection.status.phase, "refused");
  assert.equal(connection.status.code, "unauthorized");
});

test("a failing transport is no refusal", () => {
  const { wire, connection, come } = setUp();
  wire.hear("connect_error", new Error("xhr poll error"));
  assert.equal(connection.status.phase, "connecting");
  come();
  wire.hear("disconnect", "transport close");
  wire.hear("connect_error", new Error("xhr poll error"));
  assert.equal(connection.status.phase, "offline");
});

test("the upgrade of the transport is seen", () => {
  const { wire, connection, come } = setUp();
  come();
  assert.equal(connection.status.transport, "polling");
  wire.upgrade();
  assert.equal(connection.status.transport, "websocket");
});

test("a connection that we close is closed, not lost twice", () => {
  const { connection, come, lost } = setUp();
  come();
  connection.close();
  assert.deepEqual(lost, ["idle"]);
});
