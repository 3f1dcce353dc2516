// Polling without sticky sessions: each request of a client goes to the next of three instances.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { assertAgreement } from '../lib/agreement.js';
import { Balancer } from '../lib/balancer.js';
import { Member, Stock, VERSIONS } from '../lib/clients.js';
import { cluster, ready, serve } from '../lib/palabre.js';
import { PythonStock } from '../lib/python.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const WORDS = 20;
const PYTHONS = [
  { kind: 'threads', transport: 'polling' },
  { kind: 'asyncio', transport: 'polling' },
  { kind: 'asyncio', transport: 'polling,websocket' },
];

/** Each release of the official client, on polling or moving on from there, counting its drops. */
async function everyScript(scope, place, transport) {
  return Promise.all(VERSIONS.map(async (version) => {
    const client = await Stock.connect(scope, place, { version, transport });
    client.name = `${client.name} (${transport})`;
    client.recovers = Number(version) >= 4.6;
    client.drops = [];
    client.socket.on('disconnect', (reason) => client.drops.push(reason));
    return client;
  }));
}

const words = (client) => Array.from({ length: WORDS }, (_, at) => `${client.name}: ${at}`);

async function sumOf(instances, metric) {
  const all = await Promise.all(instances.map((instance) => instance.assertHealthy()));
  return all.reduce((sum, samples) => sum + (samples.get(metric) ?? 0), 0);
}

const forwards = (outcome) => `palabre_gateway_forwards_total{outcome="${outcome}"}`;

test('every client polls through whichever instance, and nothing is lost', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 3, redis);
  const balancer = await Balancer.start(scope, instances);
  const polling = await everyScript(scope, balancer, 'polling');
  const moving = await everyScript(scope, balancer, 'upgrade');
  const scripts = [...polling, ...moving];
  const pythons = await Promise.all(
    PYTHONS.map((kind) => PythonStock.connect(scope, balancer, kind)),
  );
  const clients = [...scripts, ...pythons];
  const say = async (client) => {
    const answers = await Promise.all(words(client).map((word) => client.say(word)));
    for (const answer of answers) assert.equal(answer?.ok, true, JSON.stringify(answer));
  };
  await Promise.all(clients.map(say));
  const heard = await assertAgreement(clients, scripts[0], 'the last word');
  assert.equal(heard.length, clients.length * WORDS + 1);
  for (const client of clients) {
    const own = heard.filter((text) => text.startsWith(`${client.name}: `));
    assert.deepEqual(own, words(client), 'in the order in which it was said');
  }
  for (const { name, drops } of scripts) assert.deepEqual(drops, [], name);
  assert.ok((await sumOf(instances, forwards('answered'))) > WORDS, 'requests were passed on');
  assert.ok((await sumOf(instances, forwards('relayed'))) > 0, 'upgrades were passed on');
  assert.equal(await sumOf(instances, forwards('failed')), 0);
  assert.equal(await sumOf(instances, forwards('gone')), 0);
});

/** Says it once on each connection, with the same id, until it is acknowledged. */
async function sayThroughDrops(client, what) {
  const id = randomUUID();
  let answer;
  const say = () => client.socket.emit('chat message', what, id, (told) => (answer = told));
  client.socket.on('connect', say);
  if (client.socket.connected) say();
  await until(`${client.name} is told that it said ${what}`, () => answer?.ok);
  client.socket.off('connect', say);
}

test('an instance is killed: its sessions end, and their clients come back', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 3, redis);
  const balancer = await Balancer.start(scope, instances);
  const [killed] = instances;
  const clients = [
    ...(await everyScript(scope, balancer, 'polling')),
    ...(await everyScript(scope, balancer, 'upgrade')),
  ];
  const sayAll = (when) =>
    Promise.all(clients.map((client) => sayThroughDrops(client, `${client.name} ${when}`)));
  await sayAll('before');
  const everybodyHeard = () => clients.every(({ heard }) => heard.length === clients.length);
  await until('all have heard it', everybodyHeard);
  const during = Promise.all(['at once', 'then'].map(sayAll));
  await killed.program.kill();
  await during;
  const dropped = () => clients.filter(({ drops }) => drops.length > 0);
  await until('somebody notices', () => dropped().length > 0);
  await until('all are connected', () => clients.every(({ socket }) => socket.connected));
  await sayAll('after');
  const reader = await Member.connect(scope, balancer, { transport: 'polling' });
  const texts = await reader.texts('general');
  for (const client of clients) {
    const own = texts.filter((text) => text.startsWith(client.name));
    assert.ok(own.length >= 4, client.name);
    // Releases that can't take up a session come back as somebody else.
    if (!client.recovers) continue;
    assert.equal(own.length, 4, client.name);
    await until(`${client.name} hears on`, () => client.heard.length >= texts.length);
    assert.deepEqual(client.heard, texts, client.name);
  }
  for (const { name, drops } of dropped()) {
    assert.ok(drops.every((reason) => reason.startsWith('transport ')), `${name}: ${drops}`);
  }
  assert.ok(dropped().length < clients.length, 'others had nothing to do with it');
});

/** Opens a polling session by hand; the query of its requests. */
async function open(instance) {
  const query = '/socket.io/?EIO=4&transport=polling';
  const text = await (await instance.fetch(query)).text();
  return `${query}&sid=${JSON.parse(text.slice(1)).sid}`;
}

test('an instance with another secret is not answered, nor is anybody else', async (scope) => {
  const redis = await Redis.start(scope);
  const internal = await freePort();
  const shared = ['--redis', redis.url, '--internal-bind', `127.0.0.1:${internal}`];
  const owner = await ready(scope, [...shared, '--secret', 'the secret of this place']);
  const args = ['--redis', redis.url];
  const friend = await ready(scope, [...args, '--secret', 'the secret of this place']);
  const stranger = await ready(scope, [...args, '--secret', 'a secret of another one']);
  const answer = await until('they know each other', async () => {
    const reached = await friend.fetch(await open(owner), { method: 'POST', body: '40' });
    return reached.status === 200 && reached;
  });
  assert.equal(await answer.text(), 'ok');
  await until('it tries', async () => {
    const refused = await stranger.fetch(await open(owner), { method: 'POST', body: '40' });
    assert.equal(refused.status, 400);
    assert.deepEqual(await refused.json(), { code: 1, message: 'Session ID unknown' });
    return (await stranger.assertHealthy()).get(forwards('failed')) === 1;
  });
  for (const path of [await open(owner), '/', '/metrics', '/socket.io/?EIO=4&transport=polling']) {
    const answer = await fetch(`http://127.0.0.1:${internal}${path}`);
    assert.deepEqual([answer.status, await answer.text()], [403, ''], path);
  }
  assert.equal((await owner.assertHealthy()).get('palabre_gateway_strangers_total'), 5);
});

test('sessions are reached through other instances while Redis is away', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const [owner, other] = await cluster(scope, 2, redis);
  const session = await open(owner);
  const through = async (body) => (await other.fetch(session, { method: 'POST', body })).status;
  assert.equal(await through('40'), 200);
  await redis.stop();
  await Promise.all([owner, other].map((instance) => instance.unready()));
  const poll = other.fetch(session);
  assert.equal(await through('42["chat message","while it is away","an-id-of-its-own"]'), 200);
  assert.match(await (await poll).text(), /^40\{/);
  await redis.start();
  let heard = '';
  await until('it is stored and heard', async () => {
    heard += await (await other.fetch(session)).text();
    return heard.includes('while it is away');
  });
});

test('without Redis nobody listens for other instances', async (scope) => {
  const alone = await serve(scope);
  const sid = JSON.parse((await (await alone.fetch('/socket.io/?EIO=4&transport=polling')).text())
    .slice(1)).sid;
  assert.match(sid, /^[\w-]{20}$/);
  const samples = await alone.assertHealthy();
  assert.equal(samples.get('palabre_instances'), 1);
  assert.doesNotMatch(alone.program.output, /other instances/);
});
