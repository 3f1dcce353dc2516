// Stock clients lose their connection, again and again and in the middle of everything, and come
// back on other instances: with the official client, over a real Redis and a real disk.

import assert from 'node:assert/strict';
import { Member, Stock, TRANSPORTS } from '../lib/clients.js';
import { cluster, ready } from '../lib/palabre.js';
import { folder } from '../lib/program.js';
import { freePort, Redis } from '../lib/redis.js';
import { Returner } from '../lib/returning.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

/** The releases that can take up a session. */
const RELEASES = ['4.6', '4.7', '4.8'];
const CUTS = 60;
const RETURNS_EACH = 3;
const LAST = 'the last word';

/** Members that say numbers, each on an instance of its own, until they are stopped. */
async function speakers(scope, instances) {
  const members = await Promise.all(instances.map((at) => Member.connect(scope, at)));
  await Promise.all(members.map((member) => member.must('join', { room: 'general' })));
  let on = true;
  const done = members.map(async (member, at) => {
    for (let number = 0; on; number += 1) {
      await member.must('send', { room: 'general', id: `${at}-number-${number}`, text: `${at}: ${number}` });
    }
  });
  const stop = async () => {
    on = false;
    await Promise.all(done);
  };
  return { members, stop };
}

async function say(member, text) {
  await member.must('send', { room: 'general', id: `said-${text.replaceAll(' ', '-')}`, text });
}

test('clients that are cut dozens of times hear everything once and in order', async (scope) => {
  const redis = await Redis.start(scope);
  // A machine that is slow to cut says more than is kept of a room otherwise.
  const instances = await cluster(scope, 3, redis, ['--room-entries', '1000000']);
  const kinds = RELEASES.flatMap((version) =>
    Object.keys(TRANSPORTS).map((transport) => ({ version, transport })),
  );
  const returners = await Promise.all(
    kinds.map((kind, at) => Returner.connect(scope, instances, { ...kind, seed: at + 1 })),
  );
  const { members, stop } = await speakers(scope, instances);
  for (const { cutter } of returners) cutter.good = false;
  const cuts = () => returners.reduce((sum, { cutter }) => sum + cutter.cuts, 0);
  const enough = () =>
    cuts() >= CUTS && returners.every(({ connects }) => connects > RETURNS_EACH);
  await until(() => `${CUTS} cuts, everybody often (so far ${cuts()})`, enough);
  await stop();
  for (const { cutter } of returners) cutter.good = true;
  await say(members[0], LAST);
  await Promise.all(returners.map((returner) => returner.hears(LAST)));
  const texts = await members[1].texts('general');
  for (const returner of returners) returner.assertWhole(texts);
  for (const instance of instances) await instance.assertHealthy();
  const times = returners.flatMap(({ tookMs }) => tookMs).sort((a, b) => a - b);
  const median = Math.round(times[Math.floor(times.length / 2)]);
  console.log(`${cuts()} cuts, ${times.length} returns, median ${median} ms, ${texts.length} texts`);
});

/** Clients of one instance, some of which have been sent nothing but their welcome, and its end. */
async function goOnElsewhere(scope, args, end) {
  const redis = await Redis.start(scope);
  const [doomed, ...others] = await cluster(scope, 3, redis, args);
  const transports = Object.keys(TRANSPORTS);
  const connect = (seed) =>
    Returner.connect(scope, [doomed], { transport: transports[seed % 3], seed });
  const early = await Promise.all([1, 2, 3].map(connect));
  const { members, stop } = await speakers(scope, others);
  await Promise.all(early.map(({ heard }) => until('something', () => heard.length > 50)));
  await stop();
  const late = await Promise.all([4, 5, 6].map(connect));
  const all = [...early, ...late];
  for (const returner of all) returner.instances = others;
  await end(doomed.program);
  await say(members[0], 'while they are away');
  await say(members[1], LAST);
  await Promise.all(all.map((returner) => returner.hears(LAST)));
  const texts = await members[0].texts('general');
  for (const returner of all) {
    returner.assertWhole(texts);
    assert.equal(returner.connects, 2, `${returner.name} came back once`);
  }
  for (const { name, heard } of late) {
    assert.deepEqual(heard, ['while they are away', LAST], name);
  }
}

test('when an instance is killed its clients go on elsewhere', (scope) =>
  goOnElsewhere(scope, [], (program) => program.kill()));

test('when an instance is stopped its clients go on elsewhere', (scope) =>
  goOnElsewhere(scope, ['--drain-window', '1s'], (program) => program.stop('SIGTERM')));

test('after a kill the same instance takes up the sessions from its disk', async (scope) => {
  const data = await folder(scope, 'data');
  const args = ['--data', data, '--rate-limit', 'none', '--port', `${await freePort()}`];
  const before = await ready(scope, args);
  const returners = await Promise.all(
    Object.keys(TRANSPORTS).map((transport, at) =>
      Returner.connect(scope, [before], { transport, seed: at + 1 }),
    ),
  );
  const { members, stop } = await speakers(scope, [before]);
  await Promise.all(returners.map(({ heard }) => until('something', () => heard.length > 20)));
  await stop();
  await before.program.kill();
  const after = await ready(scope, args);
  await until('the speaker is back', () => members[0].socket.connected);
  await members[0].must('join', { room: 'general' });
  await say(members[0], LAST);
  await Promise.all(returners.map((returner) => returner.hears(LAST)));
  const texts = await members[0].texts('general');
  for (const returner of returners) returner.assertWhole(texts);
  await after.assertHealthy();
});

test('when Redis has lost everything clients come back and are told so', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 2, redis);
  const clients = await Promise.all(
    instances.flatMap((at) => [Stock.connect(scope, at), Stock.connect(scope, at)]),
  );
  const answer = await clients[0].say('before');
  assert.equal(answer.ok, true, JSON.stringify(answer));
  await Promise.all(clients.map(({ heard }) => until('it is heard', () => heard.length === 1)));
  const ids = clients.map(({ socket }) => socket.id);
  const closed = clients.map(({ socket }) => new Promise((tell) => socket.once('disconnect', tell)));
  assert.match(await redis.ask('FLUSHALL'), /OK/);
  const reasons = await Promise.all(closed);
  assert.deepEqual(new Set(reasons), new Set(['transport close']));
  await until('all are back', () => clients.every(({ socket }) => socket.connected));
  for (const [at, { socket }] of clients.entries()) {
    assert.equal(socket.recovered, false);
    assert.notEqual(socket.id, ids[at]);
  }
  assert.equal((await clients[3].say(LAST)).ok, true);
  for (const { heard } of clients) {
    await until('the last word', () => heard.length === 2);
    assert.deepEqual(heard, ['before', LAST]);
  }
});
