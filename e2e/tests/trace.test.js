// How an entry travelled, for those who may know.

import assert from 'node:assert/strict';
import { Member } from '../lib/clients.js';
import { cluster, ready, run } from '../lib/palabre.js';
import { Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const ADMIN = 'the token of the one who runs it';

async function ask(instance, room, offset, token) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await instance.fetch(`/api/v1/trace/${room}/${offset}`, { headers });
  return { status: response.status, body: await response.json() };
}

test('the journey of an entry over two instances', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 2, redis, ['--admin-token', ADMIN]);
  const [awa, binta] = await Promise.all(instances.map((at) => Member.connect(scope, at)));
  const stranger = await Member.connect(scope, instances[0]);
  for (const member of [awa, binta]) await member.must('join', { room: 'garden' });
  const { offset, epoch } = await awa.send('seen by two', { room: 'garden' });
  await until('both hear', () => awa.entries.length + binta.entries.length === 2);

  const { status, body } = await ask(instances[1], 'garden', offset, binta.welcome.token);
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual([body.room, body.offset, body.missing], ['garden', offset, []]);
  const ways = body.instances.map(({ way }) => way);
  assert.equal(ways.length, 2);
  for (const { epoch: life, received } of ways) {
    assert.equal(life, epoch);
    assert.deepEqual([received.by, received.sockets], ['live', 1]);
    assert.ok(received.at >= received.stored - 1_000 && received.fannedOut >= received.at);
  }
  const accepted = ways.filter((way) => way.accepted !== undefined);
  assert.equal(accepted.length, 1, 'one instance accepted it');
  assert.ok(accepted[0].accepted.answered >= accepted[0].accepted.asked);

  const refusals = [
    [undefined, 401],
    ['v1.somebody.nonsense', 401],
    [stranger.welcome.token, 403],
  ];
  for (const [token, wanted] of refusals) {
    const refused = await ask(instances[0], 'garden', offset, token);
    assert.equal(refused.status, wanted, JSON.stringify(refused.body));
  }
  assert.equal((await ask(instances[0], 'garden', offset, ADMIN)).status, 200);
  assert.equal((await ask(instances[0], 'garden', offset + 1, ADMIN)).status, 404);
  assert.equal((await ask(instances[0], 'a b', 1, ADMIN)).status, 400);

  const env = { PALABRE__ADMIN_TOKEN: ADMIN };
  const args = ['trace', 'garden', `${offset}`, '--url', instances[0].url];
  const told = await run(scope, args, { env });
  assert.equal(told.code, 0, told.output);
  assert.match(told.stdout, /asked the log at/);
  assert.equal(told.stdout.match(/heard it live/g)?.length, 2, told.stdout);
  assert.match((await run(scope, args)).output, /a token is needed/);
});

test('an entry that Pub/Sub lost is told to have been read from the log', async (scope) => {
  const redis = await Redis.start(scope);
  const [instance] = await cluster(scope, 1, redis, ['--admin-token', ADMIN]);
  const member = await Member.connect(scope, instance);
  await member.must('join', { room: 'garden' });
  await member.send('before', { room: 'garden' });
  // The subscriber is cut off again and again until something is said while it is away.
  const repaired = await until('something is read from the log', async () => {
    await redis.ask('CLIENT KILL TYPE pubsub');
    const { offset } = await member.send('perhaps missed', { room: 'garden' });
    await until('it is heard', () => member.entries.some((entry) => entry.offset === offset));
    const { body } = await ask(instance, 'garden', offset, ADMIN);
    return body.instances[0].way.received.by === 'repaired' && body;
  });
  assert.equal(repaired.instances[0].way.received.sockets, 1);
});

test('an instance alone traces as well', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const member = await Member.connect(scope, instance);
  await member.must('join', { room: 'garden' });
  const { offset } = await member.send('alone', { room: 'garden' });
  const { status, body } = await ask(instance, 'garden', offset, member.welcome.token);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.instances.length, 1);
});
