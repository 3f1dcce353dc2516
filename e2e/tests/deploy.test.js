// Instances end and are replaced while people talk.

import assert from 'node:assert/strict';
import { Palabre } from '../../web/dist/palabre/index.js';
import { Balancer } from '../lib/balancer.js';
import { Member, Stock } from '../lib/clients.js';
import { ready, serve } from '../lib/palabre.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const ROOM = 'general';
const PEOPLE = 12;
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
  const other = await Promise.race([
    Member.connect(scope, instance).then(() => 'connected'),
    until('a new one is refused', async () => !(await reaches(instance))).then(() => 'refused'),
  ]);
  assert.equal(other, 'refused');
  assert.equal(connected().length, 2, 'the others have their time');
});

async function reaches(instance) {
  return instance.status('/healthz').then((status) => status === 200, () => false);
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
  const silent = ({ room }) => room.outgoing.length === 0;
  await until('everything is said', () => people.every(silent));
  const reader = await Member.connect(scope, instances[0]);
  const texts = await reader.texts(ROOM);
  const said = people.flatMap((person) => person.said);
  assert.deepEqual([...texts].sort(), [...said].sort(), 'all of it is there, once');
  for (const { name, told, troubles, losses } of people) {
    await until(`${name} is told all`, () => told.length >= texts.length);
    assert.deepEqual(told, texts, name);
    assert.deepEqual(troubles, [], name);
    assert.ok(losses <= instances.length, `${name} was dropped ${losses} times`);
  }
  console.log(`${texts.length} messages, ${people.map(({ losses }) => losses)} reconnects`);
});
