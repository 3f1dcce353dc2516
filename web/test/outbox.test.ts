import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTGOING_MAX, Outbox, RETRY_MS_MAX } from "../client/outbox.ts";
import type { Answer, Code } from "../client/protocol.ts";
import { entryAt } from "./support.ts";

const message = (id: string) => ({ id, text: `text of ${id}`, at: 1 });
const placedAt = (offset: number): Answer<"send"> => {
  return { ok: true, room: "r", epoch: "e1", offset, id: "", at: 2 };
};
const refusedWith = (code: Code, retryAfterMs?: number): Answer<"send"> => {
  const error = { code, message: code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return { ok: false, error };
};
const states = (outbox: Outbox) => outbox.items.map(({ id, state }) => `${id} ${state}`);

test("messages go out one at a time, in the order of writing", () => {
  const outbox = new Outbox();
  outbox.add(message("a"), true);
  outbox.add(message("b"), true);
  assert.equal(outbox.next()?.id, "a");
  assert.equal(outbox.next(), undefined);
  outbox.answered("a", placedAt(1));
  assert.equal(outbox.next()?.id, "b");
});

test("what was not answered goes first again, with the same id", () => {
  const outbox = new Outbox();
  outbox.add(message("a"), true);
  outbox.add(message("b"), true);
  outbox.next();
  assert.ok(outbox.unanswered("a") > 0);
  assert.deepEqual(states(outbox), ["a waiting", "b pending"]);
  assert.equal(outbox.next()?.id, "a");
});

test("a lost connection makes everything wait, and late answers mean nothing", () => {
  const outbox = new Outbox();
  outbox.add(message("a"), true);
  outbox.next();
  outbox.interrupted();
  assert.equal(outbox.answered("a", refusedWith("internal")), 0);
  assert.equal(outbox.unanswered("a"), 0);
  assert.deepEqual(states(outbox), ["a waiting"]);
  assert.equal(outbox.next()?.id, "a");
});

test("what the log can't take now is tried again, later and later, up to a limit", () => {
  const outbox = new Outbox();
  outbox.add(message("a"), true);
  let last = 0;
  for (let i = 0; i < 8; i += 1) {
    outbox.next();
    const ms = outbox.answered("a", refusedWith("unavailable"));
    assert.ok(ms >= last && ms <= RETRY_MS_MAX);
    last = ms;
  }
  assert.equal(last, RETRY_MS_MAX);
  outbox.next();
  assert.ok(outbox.answered("a", refusedWith("rate_limited", 20_000)) >= 20_000);
});

test("a refused message stays, holds up no other, and can be sent again", () => {
  const outbox = new Outbox();
  outbox.add(message("a"), true);
  outbox.add(message("b"), true);
  outbox.next();
  assert.equal(outbox.answered("a", refusedWith("muted")), 0);
  assert.equal(outbox.items[0]?.refusal?.code, "muted");
  assert.equal(outbox.next()?.id, "b");
  outbox.answered("b", placedAt(1));
  assert.equal(outbox.next(), undefined);
  outbox.retry("a");
  assert.deepEqual(states(outbox), ["a pending", "b placed"]);
  assert.equal(outbox.next()?.id, "a");
});

test("a message is gone once it is seen in the log, acknowledged or not", () => {
  const outbox = new Outbox();
  outbox.add(message("a"), true);
  outbox.next();
  outbox.seen(entryAt(4, { id: "a" }));
  assert.deepEqual(outbox.items, []);
  outbox.answered("a", placedAt(4));
  assert.deepEqual(outbox.items, []);
});

test("a placed message is gone once its place was passed, or its epoch is over", () => {
  const outbox = new Outbox();
  for (const [id, offset] of [
    ["a", 4],
    ["b", 5],
  ] as const) {
    outbox.add(message(id), true);
    outbox.next();
    outbox.answered(id, placedAt(offset));
  }
  outbox.covered({ epoch: "e1", offset: 4 });
  assert.deepEqual(states(outbox), ["b placed"]);
  outbox.covered({ epoch: "e2", offset: 1 });
  assert.deepEqual(states(outbox), []);
});

test("what is not yet in the log can be taken back", () => {
  const outbox = new Outbox();
  outbox.add(message("a"), false);
  outbox.add(message("b"), false);
  assert.equal(outbox.cancel("a")?.text, "text of a");
  assert.equal(outbox.next()?.id, "b");
  outbox.answered("b", placedAt(1));
  assert.equal(outbox.cancel("b"), undefined);
});

test("a message in flight that is taken back does not hold up the next one", () => {
  const outbox = new Outbox();
  outbox.add(message("a"), true);
  outbox.add(message("b"), true);
  outbox.next();
  outbox.cancel("a");
  outbox.answered("a", refusedWith("unavailable"));
  assert.deepEqual(states(outbox), ["b pending"]);
  assert.equal(outbox.next()?.id, "b");
});

test("only so many messages may wait; what is in the log counts no more", () => {
  const outbox = new Outbox();
  for (let i = 0; i < OUTGOING_MAX; i += 1) assert.ok(outbox.add(message(`m${i}`), false));
  assert.equal(outbox.add(message("over"), false), false);
  assert.equal(outbox.items.length, OUTGOING_MAX);
  outbox.next();
  outbox.answered("m0", placedAt(1));
  assert.equal(outbox.add(message("fits"), false), true);
});

test("what an earlier page left unsent is taken up, with its ids", () => {
  const old = [
    { ...message("a"), state: "pending" as const },
    { ...message("b"), state: "placed" as const },
  ];
  const outbox = new Outbox(old);
  assert.deepEqual(states(outbox), ["a waiting"]);
  assert.equal(outbox.next()?.id, "a");
});
