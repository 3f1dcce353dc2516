// Every listed release of the official client, and python-socketio's, on three instances that
// share one Redis.

import assert from 'node:assert/strict';
import { assertAgreement } from '../lib/agreement.js';
import { Member, Stock, TRANSPORTS, VERSIONS } from '../lib/clients.js';
import { cluster } from '../lib/palabre.js';
import { PythonStock } from '../lib/python.js';
import { Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const PYTHON_KINDS = [
  { kind: 'threads', transport: 'polling' },
  { kind: 'threads', transport: 'websocket' },
  { kind: 'asyncio', transport: 'polling' },
  { kind: 'asyncio', transport: 'websocket' },
  { kind: 'asyncio', transport: 'polling,websocket' },
];

/** One JavaScript client of each release over each transport at each of the instances. */
function everyStock(scope, instances) {
  const kinds = VERSIONS.flatMap((version) =>
    Object.keys(TRANSPORTS).map((transport) => ({ version, transport })),
  );
  const places = instances.flatMap((instance) => kinds.map((kind) => [instance, kind]));
  return Promise.all(places.map(([instance, kind]) => Stock.connect(scope, instance, kind)));
}

function everyPython(scope, instances) {
  const places = instances.flatMap((instance) => PYTHON_KINDS.map((kind) => [instance, kind]));
  return Promise.all(places.map(([instance, kind]) => PythonStock.connect(scope, instance, kind)));
}

test('what any client says, all hear once and in the same order', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 3, redis);
  const scripts = await everyStock(scope, instances);
  const pythons = await everyPython(scope, instances);
  const clients = [...scripts, ...pythons];

  const answers = await Promise.all(
    clients.flatMap((client) => [
      client.say(`a string from ${client.name}`),
      client.say({ text: `an object from ${client.name}` }),
    ]),
  );
  for (const answer of answers) {
    assert.equal(answer.ok, true, JSON.stringify(answer));
    assert.equal(typeof answer.epoch, 'string');
  }
  const offsets = answers.map((answer) => answer.offset).sort((a, b) => a - b);
  const holeless = offsets.map((_, at) => at + 1);
  assert.deepEqual(offsets, holeless, 'offsets are 1, 2, 3, … without holes');

  const heard = await assertAgreement(clients, scripts[0], 'the last word');
  const said = clients.flatMap(({ name }) => [`a string from ${name}`, `an object from ${name}`]);
  assert.deepEqual([...heard].sort(), [...said, 'the last word'].sort());

  for (const client of scripts) {
    for (const args of client.heardArgs) {
      assert.equal(args.length, 2, `${client.name} gets the text and the cursor`);
      assert.equal(typeof args[1], 'string');
    }
  }
  const reader = await Member.connect(scope, instances[2]);
  assert.deepEqual(await reader.texts(), heard, 'history has the same order');
});

test('each client hears its own words in the order in which it said them', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 2, redis);
  const clients = await everyStock(scope, instances);
  const words = Array.from({ length: 20 }, (_, at) => at);
  const say = (client) => words.map((at) => client.say(`${client.name}: ${at}`));
  await Promise.all(clients.flatMap(say));
  const heard = await assertAgreement(clients, clients[0], 'the last word');
  for (const client of clients) {
    const own = heard.filter((text) => text.startsWith(`${client.name}: `));
    assert.deepEqual(own, words.map((at) => `${client.name}: ${at}`));
  }
});

test('a client that asks for no acknowledgement is heard all the same', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 2, redis);
  const [speaker, listener] = await Promise.all(
    instances.map((instance) => Stock.connect(scope, instance)),
  );
  speaker.socket.emit('chat message', 'without a callback');
  await until('it is heard', () => listener.heard.includes('without a callback'));
});

test('the same id makes one entry, on whichever instance it comes in', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const speaker = await Member.connect(scope, one, { name: 'Awa' });
  const again = await Member.connect(scope, two, { token: speaker.welcome.token });
  await speaker.must('join', { room: 'general' });
  await again.must('join', { room: 'general' });
  const id = 'an-id-of-its-own';
  const first = await speaker.send('once', { id });
  assert.equal(first.ok, true, JSON.stringify(first));
  const second = await again.send('once', { id });
  assert.deepEqual([second.ok, second.offset, second.duplicate], [true, first.offset, true]);
  const other = await again.send('something else', { id });
  assert.deepEqual([other.ok, other.error?.code], [false, 'conflict']);
  assert.deepEqual(await speaker.texts(), ['once']);
});
