// The typed client's rooms and people over two real instances, and the example that its readers
// are shown.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Palabre } from '../../web/dist/palabre/index.js';
import { Member } from '../lib/clients.js';
import { Cutter, seeded } from '../lib/cutter.js';
import { cluster } from '../lib/palabre.js';
import { folder, Program } from '../lib/program.js';
import { Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const ROOMS_MADE = 40;
const EXAMPLE = fileURLToPath(new URL('../../web/example/listen.mjs', import.meta.url));

function enter(scope, url, name, { token } = {}) {
  const palabre = new Palabre({ url, name, token, retryMs: { first: 10, longest: 100 } });
  scope.defer(() => palabre.close());
  scope.note(name, () => JSON.stringify(palabre.status));
  palabre.connect();
  return palabre;
}

test('rooms are made, listed, counted and read over two instances', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const awa = enter(scope, one.url, 'Awa');
  const binta = enter(scope, two.url, 'Binta');
  const garden = await awa.create('Garden', { title: 'The garden' });
  assert.equal(garden.key, 'garden');
  await until('the title is told', () => garden.title === 'The garden');
  const refused = (error) => error.refusal.code === 'conflict';
  await assert.rejects(binta.create('GARDEN', { title: 'The garden' }), refused);

  const there = binta.join('garden', { background: true });
  await until('Binta is in', () => there.phase === 'joined');
  for (const text of ['one', 'two', 'three']) garden.send(text);
  await until('Binta counts them', () => there.unread === 3);
  await until('Awa sees her', () => garden.members === 2);
  const { members, count } = await garden.who();
  assert.equal(count, 2);
  assert.deepEqual(new Set(members.map(({ name }) => name)), new Set(['Awa', 'Binta']));

  const listed = async () => (await binta.rooms()).rooms.find(({ room }) => room === 'garden');
  const { title, unread, last, private: isPrivate } = await listed();
  assert.deepEqual([title, unread, last.text, isPrivate], ['The garden', 3, 'three', false]);
  there.show('unread');
  await until('she reads them', () => there.entries.length === 3);
  there.read();
  assert.deepEqual([there.unread, (await listed()).unread], [0, 0]);
  there.send('four', { replyTo: there.entries[0] });
  await until('Awa hears her', () => garden.entries.at(-1)?.text === 'four');
  assert.equal(garden.entries.at(-1).replyTo.offset, 1);

  await awa.leave(garden);
  await until('Binta is alone', () => there.members === 1);
});

test('who types is told to the others until it ends, on any instance', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const rooms = [enter(scope, one.url, 'Awa'), enter(scope, two.url, 'Binta')]
    .map((palabre) => palabre.join('general'));
  const [awa, binta] = rooms;
  await until('both are in', () => rooms.every(({ members }) => members === 2));
  const typists = () => binta.typists.map(({ name }) => name).join();
  for (const end of [() => awa.typing(false), () => awa.send('said'), () => awa.hide()]) {
    awa.show();
    await until('Awa types', () => {
      awa.typing(true);
      return typists() === 'Awa';
    });
    assert.deepEqual(awa.typists, [], 'she is not told of herself');
    end();
    await until('and ends', () => typists() === '');
  }
});

test('a private room is there for its maker only, and is made once', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const awa = enter(scope, one.url, 'Awa');
  const binta = enter(scope, two.url, 'Binta');
  await awa.create('diary', { private: true });
  const keys = async (palabre) => (await palabre.rooms()).rooms.map(({ room }) => room);
  assert.ok((await keys(awa)).includes('diary'));
  assert.ok(!(await keys(binta)).includes('diary'));
  const closed = binta.join('diary');
  await until('Binta is kept out', () => closed.phase === 'refused');
  assert.equal(closed.refusal.code, 'forbidden');
  await assert.rejects(closed.who(), (error) => error.refusal.code === 'forbidden');
});

test('rooms that are made over a network that cuts are made once each', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const instances = await cluster(scope, 2, redis);
  const random = seeded(7);
  const port = () => instances[random(2)].port;
  const cutter = await Cutter.start(scope, random, port, 9_000);
  const awa = enter(scope, cutter.url, 'Awa');
  for (let made = 0; made < ROOMS_MADE; made += 1) {
    const title = `The room of ${made}`;
    const room = await awa.create(`room-${made}`, { title, private: made % 2 === 0 });
    await until('it is entered', () => room.title === title);
    await awa.leave(room);
  }
  assert.ok(cutter.cuts > 5, 'there were cuts');
  cutter.good = true;
  const { rooms } = await awa.rooms();
  assert.equal(rooms.filter(({ room }) => room.startsWith('room-')).length, ROOMS_MADE);
});

test('the example keeps its place when it is killed', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const [one, two] = await cluster(scope, 2, redis);
  const place = join(await folder(scope, 'place'), 'place.json');
  const listen = (url) => new Program(scope, 'listen', 'node', [EXAMPLE, url, 'general', place]);
  const kept = async () => JSON.parse(await readFile(place, 'utf8').catch(() => '{}'));
  const member = await Member.connect(scope, one, { name: 'Awa' });
  await member.must('join', { room: 'general' });

  const first = listen(one.url);
  await until('it is in', async () => (await kept()).position?.offset === 0);
  await member.send('one');
  await until('it hears', () => first.stdout.includes('1 Awa: one\n'));
  first.child.stdin.write('two\n');
  await until('it is heard', async () => (await kept()).position?.offset === 2);
  await first.stop('SIGKILL');
  for (let at = 3; at < 300; at += 1) await member.send(`${at}`);

  const second = listen(two.url);
  await until('it hears the last', () => second.stdout.includes('299 Awa: 299\n'));
  const lines = second.stdout.trimEnd().split('\n');
  assert.deepEqual(lines, Array.from({ length: 297 }, (_, at) => `${at + 3} Awa: ${at + 3}`));
  second.child.stdin.write('last\n');
  await until('it says', async () => (await member.texts()).at(-1) === 'last');
  const users = new Set((await member.history()).map(({ user, name }) => `${name} ${user}`));
  assert.equal(users.size, 2, 'it is the same user');
});
