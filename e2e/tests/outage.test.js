// Redis goes away and comes back while people talk.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Member, Stock } from '../lib/clients.js';
import { cluster, serve } from '../lib/palabre.js';
import { Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const AT_ONCE = 5;

/** Sends texts without pause until told to stop, each again with its id until it is accepted. */
class Talker {
  accepted = [];
  refusals = new Map();
  #on = true;

  constructor(member) {
    this.member = member;
    const lanes = Array.from({ length: AT_ONCE }, (_, lane) => this.#talk(lane));
    this.done = Promise.all(lanes);
  }

  async #talk(lane) {
    for (let at = 0; this.#on; at += 1) {
      await this.#sendUntilAccepted(`${this.member.name}, ${lane}: ${at}`);
    }
  }

  async #sendUntilAccepted(text) {
    const id = randomUUID();
    for (;;) {
      const answer = await this.member.send(text, { id });
      if (answer.ok) {
        this.accepted.push({ text, offset: answer.offset });
        return;
      }
      const { code } = answer.error;
      this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    }
  }

  stop() {
    this.#on = false;
    return this.done;
  }
}

async function assertNothingLostOrDoubled(scope, instances, talkers, listeners) {
  const readers = await Promise.all(instances.map((at) => Member.connect(scope, at)));
  const [history, ...others] = await Promise.all(readers.map((reader) => reader.history()));
  for (const other of others) assert.deepEqual(other, history, 'all read the same');
  const accepted = talkers.flatMap((talker) => talker.accepted);
  const texts = history.map((entry) => entry.text);
  assert.equal(new Set(texts).size, texts.length, 'nothing is there twice');
  assert.deepEqual(history.map((entry) => entry.offset), texts.map((_, at) => at + 1));
  const places = new Map(history.map((entry) => [entry.text, entry.offset]));
  for (const { text, offset } of accepted) assert.equal(places.get(text), offset, text);
  assert.equal(texts.length, accepted.length, 'every entry was acknowledged to its sender');
  for (const listener of listeners) {
    const heard = () => listener.entries.length;
    const what = () => `${listener.name} hears ${texts.length} (so far ${heard()})`;
    await until(what, () => heard() >= texts.length);
    assert.deepEqual(listener.entries.map((entry) => entry.text), texts, listener.name);
  }
}

async function talkAndListen(scope, instances) {
  const members = await Promise.all(
    instances.flatMap((at) => [Member.connect(scope, at), Member.connect(scope, at)]),
  );
  await Promise.all(members.map((member) => member.must('join', { room: 'general' })));
  members.forEach((member, at) => (member.name += ` (${at})`));
  const talkers = members.filter((_, at) => at % 2 === 0).map((member) => new Talker(member));
  return { talkers, listeners: members };
}

async function moreIsAccepted(talkers) {
  const before = talkers.map((talker) => talker.accepted.length);
  const enough = (talker, at) => talker.accepted.length >= before[at] + 4 * AT_ONCE;
  await until('everyone is accepted again', () => talkers.every(enough));
}

test('Redis stops and starts again: nothing acknowledged is missing or doubled', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const instances = await cluster(scope, 2, redis);
  const { talkers, listeners } = await talkAndListen(scope, instances);
  await moreIsAccepted(talkers);

  await redis.stop();
  await Promise.all(instances.map((instance) => instance.unready()));
  for (const instance of instances) await instance.assertHealthy();
  const unavailable = (talker) => talker.refusals.get('unavailable') > 0;
  await until('senders are told', () => talkers.every(unavailable));

  await redis.start();
  await Promise.all(instances.map((instance) => instance.ready()));
  await moreIsAccepted(talkers);
  await Promise.all(talkers.map((talker) => talker.stop()));
  for (const talker of talkers) assert.deepEqual([...talker.refusals.keys()], ['unavailable']);
  await assertNothingLostOrDoubled(scope, instances, talkers, listeners);
  for (const { socket, name } of listeners) assert.equal(socket.connected, true, name);
});

test('a stock client is told of the outage and heard after it', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const instances = await cluster(scope, 2, redis);
  const [speaker, listener] = await Promise.all(instances.map((at) => Stock.connect(scope, at)));
  assert.equal((await speaker.say('before')).ok, true);
  await redis.stop();
  const answer = await speaker.say('during', 'the-id-of-during');
  assert.deepEqual([answer.ok, answer.error?.code], [false, 'unavailable']);
  await redis.start();
  await Promise.all(instances.map((instance) => instance.ready()));
  assert.equal((await speaker.say('during', 'the-id-of-during')).ok, true);
  assert.equal((await speaker.say('after')).ok, true);
  for (const { name, heard } of [listener, speaker]) {
    await until(`${name} hears all`, () => heard.includes('after'));
    assert.deepEqual(heard, ['before', 'during', 'after'], name);
  }
});

test('a frozen Redis thaws: nothing is lost or doubled', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const instances = await cluster(scope, 2, redis);
  const { talkers, listeners } = await talkAndListen(scope, instances);
  await moreIsAccepted(talkers);
  redis.freeze();
  await Promise.all(instances.map((instance) => instance.unready()));
  redis.thaw();
  await Promise.all(instances.map((instance) => instance.ready()));
  await moreIsAccepted(talkers);
  await Promise.all(talkers.map((talker) => talker.stop()));
  await assertNothingLostOrDoubled(scope, instances, talkers, listeners);
});

test('connections to Redis that are cut are made again, and nothing is missed', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const instances = await cluster(scope, 2, redis);
  const { talkers, listeners } = await talkAndListen(scope, instances);
  for (const kind of ['pubsub', 'normal', 'pubsub', 'normal']) {
    await moreIsAccepted(talkers);
    await redis.ask(`CLIENT KILL TYPE ${kind} SKIPME yes`);
  }
  await moreIsAccepted(talkers);
  await Promise.all(talkers.map((talker) => talker.stop()));
  await assertNothingLostOrDoubled(scope, instances, talkers, listeners);
});

test('Redis that is not there yet is waited for', async (scope) => {
  const redis = await Redis.absent(scope);
  const instance = await serve(scope, ['--redis', redis.url]);
  await instance.unready();
  await instance.assertHealthy();
  const said = () => instance.program.output.split('\n').some((line) => {
    return line.includes('127.0.0.1') && line.includes(`${redis.port}`) && /WARN|ERROR/.test(line);
  });
  await until('it says that it cannot reach Redis', said);
  await redis.start();
  await instance.ready();
  const client = await Stock.connect(scope, instance);
  assert.equal((await client.say('now')).ok, true);
});

test('a log that lost its past is told, and goes on in a new epoch', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const members = await Promise.all([one, two].map((at) => Member.connect(scope, at)));
  const joined = await Promise.all(members.map((m) => m.must('join', { room: 'general' })));
  assert.equal((await members[0].send('before')).ok, true);
  await redis.ask('FLUSHALL');
  for (const member of members) {
    await until(`${member.name} is told`, () => member.resets.length > 0);
    const [{ room, epoch, head }] = member.resets;
    assert.deepEqual([room, head], ['general', 0]);
    assert.notEqual(epoch, joined[0].epoch);
  }
  const position = { epoch: joined[0].epoch, offset: 1 };
  const again = await members[1].must('join', { room: 'general', after: position });
  assert.deepEqual([again.reset, again.entries], [true, []]);
  const sent = await members[0].send('after');
  assert.deepEqual([sent.ok, sent.offset, sent.epoch], [true, 1, again.epoch]);
  await until('the new entry is heard', () => members[1].entries.at(-1)?.text === 'after');
});

test('palabre clients are told when the log goes and when it is back', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const [instance] = await cluster(scope, 1, redis);
  const member = await Member.connect(scope, instance);
  const codes = () => member.notices.map((notice) => notice.code);
  await redis.stop();
  await until('it is told of the loss', () => codes().includes('degraded'));
  assert.equal((await member.ask('join', { room: 'general' })).error?.code, 'unavailable');
  await redis.start();
  await until('it is told of the return', () => codes().includes('healed'));
  assert.deepEqual(codes(), ['degraded', 'healed']);
  assert.equal((await member.ask('join', { room: 'general' })).ok, true);
});
