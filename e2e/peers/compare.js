// The same things done to Palabre and to Node's socket.io with its two Redis adapters, and what
// the official client saw: `npm run peers` in e2e/, or with scenarios and servers as arguments.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { serve } from '../lib/palabre.js';
import { Program } from '../lib/program.js';
import { freePort, Redis } from '../lib/redis.js';
import { Scope } from '../lib/test.js';
import { until } from '../lib/waiting.js';
import { account, sum } from './account.js';
import { Gate } from './gate.js';

const { io } = createRequire(import.meta.url)('sio-4.8');
const SERVER = fileURLToPath(new URL('./server.js', import.meta.url));

const LISTENERS = 40;
const PER_SECOND = 400;
const SECONDS = 6;
const PATIENCE_MS = 15_000;

const SERVERS = ['palabre', 'redis-adapter', 'redis-streams-adapter'];

/** What is done in the middle of the talk, to two instances, their Redis and the gate. */
const SCENARIOS = {
  'client-drop': ({ gate }) => gate.cut(),
  'kill-instance': ({ gate, instances }) => {
    gate.ports = [instances[0].port];
    instances[1].program.child.kill('SIGKILL');
  },
  'redis-restart': async ({ redis }) => {
    await redis.stop();
    await redis.start();
  },
};

async function start(scope, kind, redis) {
  if (kind === 'palabre') {
    return serve(scope, ['--redis', redis.url, '--rate-limit', 'none'], { name: kind });
  }
  const port = await freePort();
  const program = new Program(scope, kind, 'node', [SERVER, port, redis.port, kind]);
  await until(`${kind} listens`, () => program.output.includes(`:${port}`));
  return { program, port, url: `http://127.0.0.1:${port}` };
}

function connect(scope, url) {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnectionDelay: 100,
    reconnectionDelayMax: 500 });
  scope.defer(() => socket.disconnect());
  const client = { socket, heard: [], returns: 0, recoveries: 0, isNew: true };
  socket.on('connect', () => {
    if (!client.isNew) {
      client.heard.push({ back: Boolean(socket.recovered) });
      client.returns += 1;
      client.recoveries += socket.recovered ? 1 : 0;
    }
    client.isNew = false;
  });
  socket.on('chat message', (text) => client.heard.push({ text }));
  return client;
}

/** Says numbered messages in a steady rhythm until the time is over; gives the acknowledged ones. */
function talk(client, name, acknowledged) {
  const end = performance.now() + SECONDS * 1_000;
  let number = 0;
  return new Promise((resolve) => {
    const begin = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      if (now > end) {
        clearInterval(timer);
        resolve();
        return;
      }
      for (; number < ((now - begin) / 1_000) * PER_SECOND; number += 1) {
        const text = `${name} ${number}`;
        client.socket.emit('chat message', text, `${name}-of-run-${number}`, (answer) => {
          if (answer.ok) acknowledged.push(text);
        });
      }
    }, 5);
  });
}

async function run(kind, scenario) {
  const scope = new Scope();
  try {
    const redis = await Redis.start(scope, { durable: true });
    const instances = [await start(scope, kind, redis), await start(scope, kind, redis)];
    const gate = await Gate.open(scope, instances.map(({ port }) => port));
    const speakers = instances.map(({ url }) => connect(scope, url));
    const listeners = Array.from({ length: LISTENERS }, () => connect(scope, gate.url));
    const all = [...speakers, ...listeners];
    await until('all are connected', () => all.every(({ socket }) => socket.connected));
    const texts = ({ heard }) => heard.flatMap(({ text }) => text ?? []);
    speakers[0].socket.emit('chat message', 'first', 'first-of-this-run');
    await until('all hear', () => all.every((client) => texts(client).includes('first')));

    const acknowledged = [];
    const talking = speakers.map((speaker, at) => talk(speaker, `speaker-${at}`, acknowledged));
    await until('people talk', () => texts(speakers[0]).length > PER_SECOND);
    await SCENARIOS[scenario]({ gate, instances, redis });
    await Promise.all(talking);
    await quiet(all);

    const reference = texts(speakers[0]);
    const accounts = listeners.map(({ heard }) => account(heard, reference, acknowledged));
    const back = (key) => listeners.reduce((total, listener) => total + listener[key], 0);
    for (const { program } of instances) {
      if (program.end && scenario !== 'kill-instance') console.error(`${kind} ended by itself:\n${program.tail()}`);
    }
    return { kind, scenario, acknowledged: acknowledged.length, returned: back('returns'),
      recovered: back('recoveries'), ...sum(accounts) };
  } finally {
    await scope.close();
  }
}

/** Waits until nobody has heard anything new for a while, which is as long as anything comes late. */
async function quiet(clients) {
  const heard = () => clients.reduce((total, client) => total + client.heard.length, 0);
  let [last, since] = [heard(), performance.now()];
  await until('it is quiet', () => {
    const now = heard();
    if (now !== last) [last, since] = [now, performance.now()];
    return performance.now() - since > 2_000;
  }, PATIENCE_MS * 4);
}

const asked = process.argv.slice(2);
const chosen = (all) => (all.some((one) => asked.includes(one)) ? all.filter((one) => asked.includes(one)) : all);
const columns = ['kind', 'scenario', 'acknowledged', 'returned', 'recovered', 'lost', 'lostUntold',
  'doubled', 'reordered'];
console.log(`| ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length)}`);
for (const scenario of chosen(Object.keys(SCENARIOS))) {
  for (const kind of chosen(SERVERS)) {
    const result = await run(kind, scenario);
    console.log(`| ${columns.map((column) => result[column]).join(' | ')} |`);
  }
}
process.exit(0);
