// The typed client against real instances and a network that cuts its connections, hundreds of
// times, in the middle of whatever they carry.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Palabre } from '../../web/dist/palabre/index.js';
import { Member } from '../lib/clients.js';
import { Cutter, seeded } from '../lib/cutter.js';
import { cluster, ready } from '../lib/palabre.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const SEED = Number(process.env.PALABRE_SEED ?? 1);
const ROOM = 'general';
const CUTS = 200;
/** Messages that each speaker gets said at least. */
const SAID = 40;
/** Messages of one speaker that wait at once. */
const WAITING = 4;

/** Shorter than the 20 seconds that socket.io-client gives an attempt to connect. */
const NOTICED_MS = 10_000;

/** Somebody who uses the typed client over a bad network, and notes what it tells. */
class Person {
  /** What was told as `entry`, through all lives of the program. */
  told = [];
  troubles = [];
  said = [];

  constructor(scope, name, cutter, { transports, ...options } = {}) {
    Object.assign(this, { name, cutter, transports, options });
    this.#live({});
    scope.note(name, () => this.state());
    scope.defer(() => this.palabre.close());
  }

  #live({ token, ...more }) {
    const retryMs = { first: 10, longest: 100 };
    const { name, transports, cutter } = this;
    this.palabre = new Palabre({ url: cutter.url, name, token, retryMs, transports });
    this.room = this.palabre.join(ROOM, { ...this.options, ...more });
    this.room.on('entry', ({ entry }) => this.told.push(entry));
    this.room.on('reset', (reset) => this.troubles.push(reset));
    this.palabre.connection.on('status', ({ phase, reason }) => {
      if (phase === 'refused') this.troubles.push(reason);
    });
    this.palabre.connect();
  }

  /** Ends the program, and begins another that has only what was written down. */
  startAgain() {
    const { position, outgoing, seen } = this.room;
    const kept = JSON.stringify({ position, outgoing, seen, token: this.palabre.token });
    this.palabre.close();
    const { position: after, outgoing: unsent, ...rest } = JSON.parse(kept);
    this.#live({ after, unsent, ...rest });
  }

  /** Keeps so many messages waiting. */
  speak() {
    const { outgoing } = this.room;
    if (outgoing.filter(({ state }) => state !== 'placed').length >= WAITING) return;
    const text = `${this.name}: ${this.said.length}`;
    assert.ok(this.room.send(text), 'there is space for it');
    this.said.push(text);
  }

  state() {
    const { phase, head, ahead, outgoing, unread } = this.room;
    const { cutter, told, said, palabre, troubles } = this;
    return JSON.stringify({
      status: palabre.status, phase, head, ahead, unread, outgoing: outgoing.length,
      cuts: cutter.cuts, told: told.length, said: said.length, troubles,
    });
  }
}

/** Several people, each behind a bad network of its own that leads to one or the other port. */
async function gather(scope, names, ports, options) {
  const people = await Promise.all(names.map(async (name, at) => {
    const random = seeded(SEED * 1_000 + at);
    const cutter = await Cutter.start(scope, random, () => ports[random(ports.length)]);
    return new Person(scope, name, cutter, options?.[name]);
  }));
  // What was said before somebody came in is not told to them.
  const entered = ({ room }) => room.position !== undefined;
  await until('everybody has been in the room', () => people.every(entered));
  return people;
}

const cutsOf = (people) => people.reduce((sum, { cutter }) => sum + cutter.cuts, 0);

/** The network is good again: waits until nothing is unsent or unknown any more. */
async function settle(people, reader) {
  for (const { cutter } of people) cutter.good = true;
  const silent = ({ room }) => room.outgoing.length === 0;
  await until('everything is said', () => people.every(silent));
  const log = await reader.history(ROOM);
  const { offset: head } = log.at(-1);
  for (const { name, room } of people) {
    await until(`${name} is at the end`, () => room.head === head && room.phase === 'joined');
    if (room.shown) await until(`${name} has read all`, () => room.position.offset === head);
  }
  return log;
}

const line = ({ offset, id, user, text }) => `${offset} ${id} ${user} ${text}`;

/** Two long lists are the same; shows where they first differ, and no more of them than that. */
function assertAlike(name, found, wanted) {
  const at = wanted.findIndex((line, at) => found[at] !== line);
  const from = Math.max(0, (at < 0 ? wanted.length : at) - 2);
  assert.deepEqual(found.slice(from, from + 5), wanted.slice(from, from + 5), name);
  assert.equal(found.length, wanted.length, name);
}

function assertSame(people, speakers, log) {
  const lines = log.map(line);
  assert.deepEqual(log.map(({ offset }) => offset), log.map((_, at) => at + 1));
  for (const { name, room, told, troubles } of people) {
    assert.deepEqual(troubles, [], name);
    if (!room.shown) continue;
    assertAlike(`${name} was told the log`, told.map(line), lines);
    const held = room.entries.map(line);
    assertAlike(`${name} holds the end of the log`, held, lines.slice(-held.length));
  }
  const texts = log.map(({ text }) => text);
  assert.equal(texts.length, speakers.flatMap(({ said }) => said).length, 'nothing twice');
  for (const { name, said } of speakers) {
    assertAlike(`${name}'s words`, texts.filter((text) => text.startsWith(`${name}:`)), said);
  }
}

const SPEAKERS = ['Awa', 'Binta', 'Coumba', 'Demba'];

test('whatever the network does, nobody misses an entry or gets one twice', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const instances = await cluster(scope, 2, redis);
  const ports = instances.map(({ port }) => port);
  const transports = ['polling'];
  const people = await gather(scope, [...SPEAKERS, 'Fatou', 'Gora'], ports, {
    Demba: { transports },
    Fatou: { background: true },
    Gora: { background: true, transports },
  });
  const speakers = people.slice(0, SPEAKERS.length);
  const [fatou, gora] = people.slice(SPEAKERS.length);
  const random = seeded(SEED);
  let lives = 0;
  await until(`there were ${CUTS} cuts`, () => {
    for (const speaker of speakers) speaker.speak();
    if (random(40) === 0) gora.room.read();
    if (random(40) === 0) {
      speakers[random(speakers.length)].startAgain();
      lives += 1;
    }
    return cutsOf(people) >= CUTS && speakers.every(({ said }) => said.length >= SAID);
  });
  const reader = await Member.connect(scope, instances[0]);
  const log = await settle(people, reader);
  assertSame(people, speakers, log);

  assert.equal(fatou.room.unread, log.length, 'all of it is unread');
  assert.equal(gora.room.unread, log.length - gora.room.seen.offset, 'what came since');
  fatou.room.show('unread');
  await until('it is opened where reading ended', () => fatou.room.entries[0]?.offset === 1);
  const last = () => fatou.room.entries.at(-1).offset;
  while (fatou.room.ahead > 0) {
    const held = last();
    await fatou.room.loadNewer();
    assert.ok(last() > held, 'it goes on');
  }
  assert.equal(last(), log.length);
  fatou.room.read();
  assert.equal(fatou.room.unread, 0);
  assert.ok(lives > 0, 'programs were started again');
});

test('an instance is killed: its people go on with another one', async (scope) => {
  const redis = await Redis.start(scope, { durable: true });
  const port = await freePort();
  const args = ['--redis', redis.url, '--rate-limit', 'none', '--port', `${port}`];
  const [one] = await cluster(scope, 1, redis);
  let two = await ready(scope, args, { name: 'palabre-1' });
  const people = await gather(scope, SPEAKERS, [one.port, port]);
  const more = async (count) => {
    const goals = people.map(({ room }) => room.head + count);
    await until(`${count} more entries`, () => {
      for (const person of people) person.speak();
      return people.every(({ room }, at) => room.head >= goals[at]);
    });
  };
  for (let kills = 0; kills < 3; kills += 1) {
    await more(40);
    await two.program.stop('SIGKILL');
    await more(40);
    two = await ready(scope, args, { name: 'palabre-1' });
  }
  await more(40);
  const log = await settle(people, await Member.connect(scope, one));
  assertSame(people, people, log);
});

test('an instance that goes before its first packet is given up at once', async (scope) => {
  let attempts = 0;
  const server = createServer().on('upgrade', ({ headers }, socket) => {
    attempts += 1;
    socket.on('error', () => {}); // what counts is that it closes
    const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.end([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}`;
  const [transports, retryMs] = [['websocket'], { first: 10, longest: 100 }];
  const palabre = new Palabre({ url, name: 'Awa', transports, retryMs });
  scope.defer(() => palabre.close());
  palabre.connect();
  await until('it is tried again, and again', () => attempts >= 3, NOTICED_MS);
});
