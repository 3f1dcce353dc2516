// What is no chat message is refused in the acknowledgement and stored nowhere.

import assert from 'node:assert/strict';
import { Member, Stock, TRANSPORTS, VERSIONS } from '../lib/clients.js';
import { ready } from '../lib/palabre.js';
import { PythonStock } from '../lib/python.js';
import { Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';

const TEXT_MAX = 4_000;

const REFUSED = [
  ['a number', 7, 'bad_request'],
  ['null', null, 'bad_request'],
  ['true', true, 'bad_request'],
  ['an array', ['text'], 'bad_request'],
  ['binary', Buffer.from('text'), 'bad_request'],
  ['binary in an object', { text: Buffer.from('text') }, 'bad_request'],
  ['an empty string', '', 'bad_request'],
  ['an object without text', {}, 'bad_request'],
  ['an object whose text is a number', { text: 7 }, 'bad_request'],
  ['an object whose text is empty', { text: '' }, 'bad_request'],
  ['a NUL', 'a\u0000b', 'bad_request'],
  ['half a character', 'a\ud800b', 'bad_request'],
  ['a text that is too long', 'é'.repeat(TEXT_MAX + 1), 'too_large'],
];

async function assertRefused(client, args, what, code) {
  const answer = await client.say(...args);
  assert.equal(answer?.ok, false, `${client.name} says ${what}: ${JSON.stringify(answer)}`);
  assert.equal(answer.error.code, code, `${client.name} says ${what}`);
  assert.ok(answer.error.message.length > 0);
}

test('every release of the client is refused clearly, on every transport', async (scope) => {
  const redis = await Redis.start(scope);
  const instance = await ready(scope, ['--redis', redis.url]);
  const kinds = VERSIONS.flatMap((version) =>
    Object.keys(TRANSPORTS).map((transport) => ({ version, transport })),
  );
  const clients = await Promise.all(kinds.map((kind) => Stock.connect(scope, instance, kind)));
  for (const client of clients) {
    for (const [what, payload, code] of REFUSED) {
      await assertRefused(client, [payload], what, code);
    }
    await assertRefused(client, [], 'nothing at all', 'bad_request');
  }
  const longest = '😀'.repeat(TEXT_MAX);
  const answer = await clients[0].say(longest);
  assert.equal(answer.ok, true, 'the limit counts characters, and the longest text fits');
  assert.equal(answer.offset, 1, 'nothing that was refused has taken a place');
  const reader = await Member.connect(scope, instance);
  assert.deepEqual(await reader.texts(), [longest]);
  for (const client of clients) assert.equal(client.socket.connected, true, client.name);
  await instance.assertHealthy();
});

test('the Python client is refused just so', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  for (const transport of ['polling', 'websocket']) {
    const client = await PythonStock.connect(scope, instance, { kind: 'threads', transport });
    for (const [what, payload, code] of REFUSED.filter(([, payload]) => isJson(payload))) {
      await assertRefused(client, [payload], what, code);
    }
  }
  const reader = await Member.connect(scope, instance);
  assert.deepEqual(await reader.texts(), []);
});

test('an event that nobody knows is ignored and counted', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const client = await Stock.connect(scope, instance);
  const before = total(await instance.assertHealthy(), /unknown/);
  client.socket.emit('no such event', { a: 1 });
  assert.equal((await client.say('still here')).ok, true);
  assert.equal(total(await instance.assertHealthy(), /unknown/), before + 1);
});

function total(samples, name) {
  const matching = [...samples].filter(([key]) => name.test(key.split('{')[0]));
  return matching.reduce((sum, [, value]) => sum + value, 0);
}

function isJson(payload) {
  return !Buffer.isBuffer(payload) && !Buffer.isBuffer(payload?.text) && payload !== 'a\ud800b';
}
