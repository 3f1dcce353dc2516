// Rooms and the people in them, over several instances on a real Redis.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Member, Stock } from '../lib/clients.js';
import { cluster, ready } from '../lib/palabre.js';
import { Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const ROOM = 'general';

/** A member that keeps the events about people, in its room. */
async function enter(scope, instance, settings, room = ROOM) {
  const member = await Member.connect(scope, instance, settings);
  member.presences = [];
  member.typings = [];
  member.socket.on('presence', (presence) => member.presences.push(presence));
  member.socket.on('typing', (typing) => member.typings.push(typing));
  member.joined = await member.must('join', { room });
  return member;
}

const who = (member, room = ROOM) => member.must('who', { room });
const userOf = (member) => member.welcome.user;
const usersOf = (members) => members.map(({ user }) => user).sort();

function countIs(member, count, room = ROOM) {
  return until(`${member.name} counts ${count}`, async () => {
    const answer = await who(member, room);
    return answer.count === count && answer;
  });
}

async function codeOf(member, command, request) {
  const answer = await member.ask(command, request);
  assert.equal(answer.ok, false, `${command}: ${JSON.stringify(answer)}`);
  assert.ok(answer.error.message.length > 0);
  return answer.error.code;
}

test('who is in a room is known on every instance, stock clients too', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const ada = await enter(scope, one, { name: 'Ada' });
  const bob = await enter(scope, two, { name: 'Bob' });
  await Stock.connect(scope, two);
  for (const member of [ada, bob]) {
    const { members } = await countIs(member, 3);
    const named = members.filter(({ name }) => !name.startsWith('Guest'));
    assert.deepEqual(usersOf(named), [userOf(ada), userOf(bob)].sort());
    for (const { since, instances } of members) {
      assert.ok(Math.abs(since - Date.now()) < 600_000, `${since} is about now`);
      assert.equal(instances.length, 1);
    }
  }
  const listed = await bob.must('rooms', {});
  assert.equal(listed.rooms.find(({ room }) => room === ROOM).members, 3);
  assert.equal((await enter(scope, one)).joined.members, 4);

  const again = await enter(scope, two, { token: ada.welcome.token, name: 'Ada' });
  await until('Ada is on both', async () => {
    const { count, members } = await who(bob);
    return count === 4 && members.find(({ user }) => user === userOf(ada)).instances.length === 2;
  });
  ada.socket.disconnect();
  await until('Ada is on one', async () => {
    const { count, members } = await who(bob);
    return count === 4 && members.find(({ user }) => user === userOf(ada)).instances.length === 1;
  });
  again.socket.disconnect();
  await countIs(bob, 3);
  await until('Bob is told', () => bob.presences.at(-1).left.length > 0);
  const left = bob.presences.flatMap((presence) => presence.left);
  assert.deepEqual(left, [userOf(ada)], 'it left once');
});

test('clients are told who comes, is renamed and goes', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const ada = await enter(scope, one, { name: 'Ada' });
  const bob = await enter(scope, two, { name: 'Bob' });
  const told = (what, fits) => until(what, () => ada.presences.find(fits));
  const names = ({ joined }) => joined.map(({ name }) => name);
  const came = await told('Bob comes', (presence) => names(presence).includes('Bob'));
  assert.deepEqual([came.room, came.count, came.left], [ROOM, 2, []]);
  await bob.must('rename', { name: 'Bobby' });
  await told('Bob is Bobby', (presence) => names(presence).includes('Bobby'));
  bob.socket.disconnect();
  const left = await told('Bobby goes', (presence) => presence.left.includes(userOf(bob)));
  assert.deepEqual([left.joined, left.count], [[], 1]);
});

test('members of an instance that is killed go when its lease ends', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const ada = await enter(scope, one);
  const others = await Promise.all([1, 2, 3].map(() => enter(scope, two)));
  await countIs(ada, 4);
  for (const { socket } of others) socket.io.reconnection(false);
  await two.program.stop('SIGKILL');
  const gone = await until('members leave', () => ada.presences.find(({ left }) => left.length));
  assert.deepEqual(gone.left, others.map(userOf).sort(), 'in one batch');
  assert.deepEqual([gone.joined, gone.count], [[], 1]);
  assert.deepEqual(usersOf((await who(ada)).members), [userOf(ada)]);
});

test('what Redis lost meanwhile is made up for', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const [one, two] = await cluster(scope, 2, redis);
  const [ada, bob] = [await enter(scope, one), await enter(scope, two)];
  await countIs(ada, 2);
  await redis.stop();
  bob.socket.disconnect();
  await redis.start();
  await countIs(ada, 1);
  await enter(scope, two);
  await countIs(ada, 2);
});

test('typing shows on every instance and ends', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const ada = await enter(scope, one);
  const bob = await enter(scope, two, { name: 'Bob' });
  const typists = () => ada.typings.at(-1)?.users.map(({ name }) => name).join();
  const type = (on) => bob.must('typing', { room: ROOM, on });
  await type(true);
  await until('Bob types', () => typists() === 'Bob');
  assert.deepEqual(ada.typings.at(-1), {
    room: ROOM,
    users: [{ user: userOf(bob), name: 'Bob' }],
  });
  await bob.send('done');
  await until('Bob has sent it', () => typists() === '');
  await until('Bob types again', async () => (await type(true)) && typists() === 'Bob');
  bob.socket.disconnect();
  await until('Bob is gone', () => typists() === '');
});

test('rooms are made, listed and entered on every instance', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const [ada, bob] = [await enter(scope, one), await enter(scope, two)];
  const made = await ada.must('create', { room: 'Thé', title: 'Salon de thé' });
  assert.deepEqual([made.room, made.title, made.members], ['thé', 'Salon de thé', 1]);
  await ada.send('bienvenue', { room: 'thé' });
  const line = async (seen) => {
    const { rooms, more } = await bob.must('rooms', { seen });
    assert.equal(more, false);
    return rooms.find(({ room }) => room === 'thé');
  };
  const listed = await until('Ada is counted', async () => {
    const room = await line();
    return room.members === 1 && room;
  });
  assert.deepEqual([listed.title, listed.head, listed.unread], ['Salon de thé', 1, 1]);
  assert.deepEqual([listed.last.text, listed.private], ['bienvenue', false]);
  assert.equal((await line([{ room: 'thé', epoch: listed.epoch, offset: 1 }])).unread, 0);
  assert.equal((await bob.must('join', { room: 'thé' })).title, 'Salon de thé');

  const reply = { room: 'thé', id: randomUUID(), text: 'merci' };
  const replyTo = { epoch: made.epoch, offset: 1 };
  await bob.must('send', { ...reply, replyTo });
  await until('Ada hears the reply', () => ada.entries.at(-1)?.text === 'merci');
  assert.deepEqual(ada.entries.at(-1).replyTo, replyTo);
  const { entries } = await bob.must('history', { room: 'thé', at: ada.entries.at(-1).at });
  assert.equal(entries.at(-1).text, 'merci');
});

test('a private room is closed to others on every instance', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const [ada, bob] = [await enter(scope, one), await enter(scope, two)];
  await ada.must('create', { room: 'secret', private: true });
  await ada.send('psst', { room: 'secret' });
  for (const command of ['join', 'history', 'who', 'send', 'typing']) {
    const request = { room: 'secret', id: randomUUID(), text: 'let me in', on: true };
    assert.equal(await codeOf(bob, command, request), 'forbidden', command);
  }
  const rooms = async (member) => (await member.must('rooms', {})).rooms.map(({ room }) => room);
  assert.ok(!(await rooms(bob)).includes('secret'));
  assert.ok((await rooms(ada)).includes('secret'));
  const elsewhere = await Member.connect(scope, two, { token: ada.welcome.token });
  assert.equal((await elsewhere.must('join', { room: 'secret' })).entries[0].text, 'psst');
  assert.ok(!bob.entries.some(({ text }) => text === 'psst'));
});

test('every refusal has its code', async (scope) => {
  const redis = await Redis.start(scope);
  const instance = await ready(scope, ['--redis', redis.url, '--open-rooms=false']);
  const member = await enter(scope, instance);
  const id = randomUUID();
  await member.must('send', { room: ROOM, id, text: 'once' });
  const { epoch } = member.joined;
  const say = (more) => ({ room: ROOM, id: randomUUID(), text: 'x', ...more });
  const replyTo = (at, offset) => say({ replyTo: { epoch: at, offset } });
  const cases = [
    ['create', {}, 'bad_request'],
    ['typing', { room: ROOM }, 'bad_request'],
    ['history', { room: ROOM, at: 1, after: 1 }, 'bad_request'],
    ['send', replyTo(epoch, 0), 'bad_request'],
    ['send', { ...say(), room: 'elsewhere' }, 'forbidden'],
    ['join', { room: 'elsewhere' }, 'not_found'],
    ['who', { room: 'elsewhere' }, 'not_found'],
    ['history', { room: 'elsewhere' }, 'not_found'],
    ['send', replyTo(epoch, 7), 'not_found'],
    ['create', { room: 'elsewhere', title: 'x'.repeat(101) }, 'too_large'],
    ['rooms', { seen: Array(1_001).fill({ room: ROOM, epoch, offset: 0 }) }, 'too_large'],
    ['create', { room: ROOM }, 'conflict'],
    ['send', { room: ROOM, id, text: 'twice' }, 'conflict'],
    ['send', replyTo('another', 1), 'conflict'],
  ];
  for (const [command, request, code] of cases) {
    assert.equal(await codeOf(member, command, request), code, JSON.stringify([command, request]));
  }
  const refusals = [];
  for (let at = 0; refusals.length === 0 && at < 1_000; at += 1) {
    const answer = await member.ask('create', { room: `room-${at}` });
    if (!answer.ok) refusals.push(answer.error);
    else await member.must('leave', { room: `room-${at}` });
  }
  assert.equal(refusals[0]?.code, 'rate_limited');
  assert.ok(refusals[0].retryAfterMs > 0);

  await redis.stop();
  await instance.unready();
  const away = [
    ['rooms', {}],
    ['who', { room: 'room-0' }],
    ['history', { room: ROOM }],
    ['join', { room: 'room-0' }],
    ['typing', { room: ROOM, on: true }],
    ['send', say()],
  ];
  for (const [command, request] of away) {
    assert.equal(await codeOf(member, command, request), 'unavailable', command);
  }
  assert.equal((await who(member)).count, 1, 'what is known is still told');
});
