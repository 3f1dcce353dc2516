// Instances end and are replaced while people talk.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { Palabre } from '../../web/dist/palabre/index.js';
import { Balancer } from '../lib/balancer.js';
import { Member, Stock } from '../lib/clients.js';
import { ready, serve } from '../lib/palabre.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const ROOM = 'general';
const PEOPLE = 12;
const STOCKS = [
  { version: '4.8', transport: 'websocket' },
  { version: '4.8', transport: 'polling' },
  { version: '4.7', transport: 'upgrade' },
  { version: '4.6', transport: 'polling' },
];
/** Messages of one person that wait at once. */
const WAITING = 2;
/** Messages that each person gets said between two replacements. */
const SAID = 15;

test('who is still connected while an instance stops hears and is heard', async (scope) => {
  const instance = await ready(scope, ['--ephemeral', '--drain-window', '1h']);
  const members = await Promise.all([1, 2, 3].map(() => Member.connect(scope, instance)));
  for (const member of members) {
    await member.must('join', { room: ROOM });
    member.socket.io.reconnection(false);
  }
  instance.program.child.kill('SIGTERM');
  const connected = () => members.filter(({ socket }) => socket.connected);
  await until('the first one is closed', () => connected().length < members.length);
  for (const member of members) {
    assert.deepEqual(member.notices.map(({ code }) => code), ['draining']);
  }
  const [speaker, listener] = connected();
  assert.equal((await speaker.send('still here')).ok, true);
  const texts = () => listener.entries.map(({ text }) => text);
  await until('it is heard', () => texts().includes('still here'));
  assert.equal(await instance.status('/readyz'), 503, 'on a connection that there was');
  await until('new connections are refused', () => refuses(instance));
  assert.equal(connected().length, 2, 'the others have their time');
});

/** Whether a new connection is refused. */
function refuses({ port }) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', ({ code }) => resolve(code === 'ECONNREFUSED'));
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}

test('an instance that is to stop says so first, where it is told to', async (scope) => {
  const instance = await ready(scope, ['--ephemeral', '--drain-delay', '1h']);
  instance.program.child.kill('SIGTERM');
  await instance.unready();
  assert.match(await (await instance.fetch('/readyz')).text(), /stopping/);
  const late = await Stock.connect(scope, instance);
  assert.equal((await late.say('in time')).ok, true);
  const end = await instance.program.stop('SIGTERM');
  assert.deepEqual(end, { code: 0, signal: null }, 'the second signal ends it at once');
});

/** Somebody who talks without pause and counts how often the connection was lost. */
class Person {
  told = [];
  said = [];
  troubles = [];
  losses = 0;

  constructor(scope, name, balancer) {
    this.name = name;
    const retryMs = { first: 10, longest: 100 };
    this.palabre = new Palabre({ url: balancer.url, name, retryMs });
    this.room = this.palabre.join(ROOM, {});
    this.room.on('entry', ({ entry }) => this.told.push(entry.text));
    this.room.on('reset', (reset) => this.troubles.push(reset));
    let online = false;
    this.palabre.connection.on('status', ({ phase, reason }) => {
      if (phase === 'refused') this.troubles.push(reason);
      if (online && phase !== 'online') this.losses += 1;
      online = phase === 'online';
    });
    this.palabre.connect();
    scope.note(name, () => this.state());
    scope.defer(() => this.palabre.close());
  }

  state() {
    const { told, said, losses, troubles, room } = this;
    return JSON.stringify({ told: told.length, said: said.length, losses, troubles,
      phase: room.phase, head: room.head, waiting: room.outgoing.length });
  }

  speak() {
    const waiting = this.room.outgoing.filter(({ state }) => state !== 'placed');
    if (waiting.length >= WAITING) return;
    const text = `${this.name}: ${this.said.length}`;
    assert.ok(this.room.send(text), 'there is space for it');
    this.said.push(text);
  }
}

async function talk(people) {
  const goals = people.map(({ said }) => said.length + SAID);
  await until('everybody has said more', () => {
    for (const person of people) person.speak();
    return people.every(({ said }, at) => said.length >= goals[at]);
  });
}

/** A stock client that says one thing after the other, each until it is acknowledged. */
class Speaker {
  said = [];
  losses = 0;
  #on = true;

  constructor(client) {
    this.client = client;
    this.name = client.name;
    client.socket.on('disconnect', () => (this.losses += 1));
    this.done = this.#talk();
  }

  async #talk() {
    const { socket } = this.client;
    while (this.#on) {
      const text = `${this.name}: ${this.said.length}`;
      const id = randomUUID();
      this.said.push(text);
      await new Promise((resolve) => {
        const say = () => socket.emit('chat message', text, id, (answer) => {
          if (!answer.ok) return say();
          socket.off('connect', say);
          return resolve();
        });
        socket.on('connect', say);
        if (socket.connected) say();
      });
    }
  }

  stop() {
    this.#on = false;
    return this.done;
  }
}

/** Two long lists are the same; shows where they first differ, and no more of them than that. */
function assertSame(name, found, wanted) {
  const at = wanted.findIndex((text, at) => found[at] !== text);
  const from = Math.max(0, (at < 0 ? wanted.length : at) - 3);
  assert.deepEqual(found.slice(from, from + 6), wanted.slice(from, from + 6), `${name}, at ${at}`);
  assert.equal(found.length, wanted.length, name);
}

/** Three instances on ports that stay theirs, and how one of them is replaced. */
async function deployment(scope) {
  const redis = await Redis.start(scope, { durable: true });
  const start = (port, at) => {
    const args = ['--redis', redis.url, '--rate-limit', 'none', '--drain-window', '300ms'];
    return ready(scope, [...args, '--port', `${port}`], { name: `palabre-${at}` });
  };
  const ports = [await freePort(), await freePort(), await freePort()];
  const instances = await Promise.all(ports.map(start));
  const balancer = await Balancer.start(scope, instances, { checks: true });
  const replace = async (at) => {
    const end = await instances[at].program.stop('SIGTERM');
    assert.deepEqual(end, { code: 0, signal: null });
    assert.doesNotMatch(instances[at].program.output, /panicked at|didn't end in time/);
    instances[at] = await start(ports[at], at);
    await until('the balancer knows', () => balancer.leadsTo(instances[at]));
  };
  return { instances, balancer, replace };
}

test('replacing every instance under load loses nothing', async (scope) => {
  const { instances, balancer, replace } = await deployment(scope);
  const names = Array.from({ length: PEOPLE }, (_, at) => `person ${at}`);
  const people = names.map((name) => new Person(scope, name, balancer));
  const entered = ({ room }) => room.position !== undefined;
  await until('everybody is in the room', () => people.every(entered));
  const stocks = await Promise.all(STOCKS.map((kind) => Stock.connect(scope, balancer, kind)));
  const speakers = stocks.map((stock) => new Speaker(stock));
  let talking = true;
  const load = (async () => {
    while (talking) await talk(people);
  })();
  for (const at of instances.keys()) {
    await talk(people);
    await replace(at);
  }
  talking = false;
  await load;
  await talk(people);
  for (const speaker of speakers) await speaker.stop();
  const silent = ({ room }) => room.outgoing.length === 0;
  await until('everything is said', () => people.every(silent));
  const reader = await Member.connect(scope, instances[0]);
  const texts = await reader.texts(ROOM);
  const said = [...people, ...speakers].flatMap((person) => person.said);
  assertSame('the log, sorted', [...texts].sort(), [...said].sort());
  for (const { name, told, troubles, losses } of people) {
    await until(`${name} is told all`, () => told.length >= texts.length);
    assertSame(name, told, texts);
    assert.deepEqual(troubles, [], name);
    assert.ok(losses <= instances.length, `${name} was dropped ${losses} times`);
  }
  for (const { client, name, losses } of speakers) {
    await until(`${name} hears all`, () => client.heard.length >= texts.length);
    assertSame(name, client.heard, texts);
    assert.ok(losses <= instances.length, `${name} was dropped ${losses} times`);
  }
  const losses = [people, speakers].map((all) => all.map(({ losses }) => losses).join(' '));
  console.log(`${texts.length} messages; connections lost: ${losses.join(', stock: ')}`);
});
