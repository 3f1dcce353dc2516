// The master is killed, and a replica that lacks the newest entries takes over.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Member, Stock } from '../lib/clients.js';
import { cluster } from '../lib/palabre.js';
import { folder, Program } from '../lib/program.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

/** A master, its replica, and the sentinel that watches them. */
async function watched(scope) {
  const [master, replica] = await Promise.all([Redis.start(scope), Redis.start(scope)]);
  await replica.ask(`REPLICAOF 127.0.0.1 ${master.port}`);
  await until('the replica follows', async () => {
    return (await master.ask('INFO replication')).includes('state=online');
  });
  const [port, dir] = [await freePort(), await folder(scope, 'sentinel')];
  const file = join(dir, 'sentinel.conf');
  await writeFile(file, [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `sentinel monitor rooms 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds rooms 500',
    'sentinel failover-timeout rooms 5000',
    '',
  ].join('\n'));
  const sentinel = new Program(scope, 'sentinel', 'redis-server', [file, '--sentinel']);
  await until('the sentinel knows the replica', () => sentinel.output.includes('+slave slave'));
  return { master, replica, url: `redis+sentinel://127.0.0.1:${port}/rooms` };
}

/** From here on the replica gets nothing more; it has all until then. */
async function cutOffReplica({ master, replica }) {
  const seq = async (redis) => (await redis.ask('HGET palabre:{p0} seq')).trim();
  const newest = await seq(master);
  await until('the replica has all', async () => (await seq(replica)) === newest);
  await master.ask('ACL SETUSER default -psync -sync');
  await master.ask('CLIENT KILL TYPE replica');
}

/** Sends until it is accepted, each time with the same id. */
async function say(member, text) {
  const id = randomUUID();
  return until(`${text} is accepted`, async () => {
    const answer = await member.send(text, { id });
    assert.ok(answer.ok || answer.error.code === 'unavailable', JSON.stringify(answer));
    return answer.ok && answer;
  });
}

async function sayAll(member, texts) {
  for (const text of texts) await say(member, text);
}

const numbered = (word, count) => Array.from({ length: count }, (_, at) => `${word} ${at}`);

test('a replica that takes over gets back what it lacks, and nobody notices', async (scope) => {
  const world = await watched(scope);
  const instances = await cluster(scope, 2, world);
  const members = await Promise.all(instances.map((at) => Member.connect(scope, at)));
  await Promise.all(members.map((member) => member.must('join', { room: 'general' })));
  const stock = await Stock.connect(scope, instances[1]);
  const texts = { before: numbered('before', 10), lost: numbered('lacking', 10) };
  await sayAll(members[0], texts.before);
  await cutOffReplica(world);
  await sayAll(members[0], texts.lost);
  await world.master.program.stop('SIGKILL');
  const [mine, theirs] = members.map((_, at) => numbered(`after, by ${at}`, 5));
  await Promise.all([sayAll(members[0], mine), sayAll(members[1], theirs)]);

  const histories = await Promise.all(members.map((member) => member.history()));
  assert.deepEqual(histories[0], histories[1]);
  assert.deepEqual(histories[0].map((entry) => entry.offset), histories[0].map((_, at) => at + 1));
  const all = histories[0].map((entry) => entry.text);
  assert.deepEqual(all.slice(0, 20), [...texts.before, ...texts.lost], 'each where it was');
  assert.deepEqual(all.slice(20).sort(), [...mine, ...theirs].sort());
  for (const member of members) {
    await until(`${member.name} hears all`, () => member.entries.length >= all.length);
    assert.deepEqual(member.entries.map((entry) => entry.text), all);
    assert.deepEqual(member.resets, []);
  }
  await until('the stock client hears all', () => stock.heard.length >= all.length);
  assert.deepEqual(stock.heard, all);
});

test('if an instance is gone too, clients are told that something may be lost', async (scope) => {
  const world = await watched(scope);
  const instances = await cluster(scope, 2, world);
  const [gone, member] = await Promise.all(instances.map((at) => Member.connect(scope, at)));
  await Promise.all([gone, member].map((each) => each.must('join', { room: 'general' })));
  await sayAll(gone, numbered('before', 5));
  await cutOffReplica(world);
  await sayAll(gone, numbered('lacking', 5));
  await until('the other one hears it', () => member.entries.length === 10);
  await Promise.all([instances[0].program.stop('SIGKILL'), world.master.program.stop('SIGKILL')]);
  await until('it is told', () => member.resets.length > 0);
  await say(member, 'after');
  const all = [...numbered('before', 5), ...numbered('lacking', 5), 'after'];
  assert.deepEqual(await member.texts('general'), all, 'what was known is back all the same');
});
