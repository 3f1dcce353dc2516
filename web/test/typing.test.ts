import assert from "node:assert/strict";
import { test } from "node:test";
import { TYPING_RENEW_RESTS, TYPING_RESTS_MAX, Typing } from "../client/typing.ts";
import { Later } from "./support.ts";

function setUp() {
  const later = new Later();
  const told: boolean[] = [];
  const typing = new Typing((on) => told.push(on), later.later);
  const rest = async (times = 1) => {
    for (let i = 0; i < times; i += 1) await later.goOff();
  };
  return { later, told, typing, rest };
}

test("typing is said at once, and renewed while it goes on", async () => {
  const { told, typing, rest } = setUp();
  typing.set(true);
  assert.deepEqual(told, [true]);
  await rest(TYPING_RENEW_RESTS - 1);
  assert.deepEqual(told, [true]);
  await rest();
  assert.deepEqual(told, [true, true]);
});

test("keys in between say nothing, and neither does a change of mind between two rests", async () => {
  const { told, typing, rest } = setUp();
  for (let i = 0; i < 100; i += 1) {
    typing.set(true);
    typing.set(false);
  }
  typing.set(true);
  assert.deepEqual(told, [true]);
  await rest();
  assert.deepEqual(told, [true]);
});

test("its end is said once, and then it is quiet", async () => {
  const { later, told, typing, rest } = setUp();
  typing.set(false);
  assert.deepEqual(told, [], "there was nothing to end");
  typing.set(true);
  typing.set(false);
  await rest(3);
  assert.deepEqual(told, [true, false]);
  assert.equal(later.waiting, 0);
});

test("nobody types for ever", async () => {
  const { later, told, typing, rest } = setUp();
  typing.set(true);
  await rest(TYPING_RESTS_MAX - 1);
  assert.equal(told.at(-1), true);
  await rest(2);
  assert.equal(told.at(-1), false);
  assert.equal(later.waiting, 0);
  typing.set(true);
  assert.equal(told.at(-1), true);
});

test("a lost connection forgets it without a word", async () => {
  const { later, told, typing } = setUp();
  typing.set(true);
  typing.lost();
  assert.equal(later.waiting, 0);
  typing.set(false);
  assert.deepEqual(told, [true]);
  typing.set(true);
  assert.deepEqual(told, [true, true], "and begins anew");
});
