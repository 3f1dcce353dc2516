// How fast the page is: `npm run speed`, with PALABRE_BIN for another binary than the debug build.
// The time to the first message painted, from a cold start; and the frames while a hundred messages
// a second come in; each also with a processor four times slower.

import { cpus, loadavg } from 'node:os';
import { Member } from './lib/clients.js';
import { ready } from './lib/palabre.js';
import { Visitor } from './lib/page.js';
import { Scope } from './lib/test.js';
import { until } from './lib/waiting.js';

const STARTS = 5;
const SECONDS = 12;
const MESSAGES_PER_SECOND = 100;
const PER_TURN = 10;
const SLOWER = [1, 4];

/** In the page: notes when the first message has been painted. */
function noteFirstMessage() {
  new MutationObserver((_, observer) => {
    if (document.querySelector('#log article') === null) return;
    observer.disconnect();
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => (globalThis.firstMessageAt = performance.now());
      painted.port2.postMessage(undefined);
    });
  }).observe(document, { childList: true, subtree: true });
}

/** In the page: notes every frame and every long task until it is asked for them. */
function noteFrames() {
  const frames = [];
  const tasks = [];
  let last = performance.now();
  const frame = (now) => {
    frames.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(duration);
  });
  observer.observe({ type: 'longtask' });
  globalThis.noted = () => ({ frames: frames.slice(1), tasks });
}

function at(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const ms = (number) => `${number.toFixed(1)} ms`;

async function slowDown(visitor, rate) {
  const session = await visitor.context.newCDPSession(visitor.page);
  await session.send('Emulation.setCPUThrottlingRate', { rate });
}

/** Comes in again and again, by name, with nothing cached. */
async function firstMessage(instance, storageState, rate) {
  const times = [];
  while (times.length < STARTS) {
    const scope = new Scope();
    try {
      const visitor = await Visitor.arrive(scope, instance, { path: '/healthz', storageState });
      await visitor.page.addInitScript(noteFirstMessage);
      await slowDown(visitor, rate);
      await visitor.page.goto(instance.url);
      times.push(await until('a message', () => visitor.page.evaluate('firstMessageAt')));
    } finally {
      await scope.close();
    }
  }
  const worst = ms(Math.max(...times));
  console.log(`first message painted, ${rate}× slower: median ${ms(at(times, 0.5))}, worst ${worst}`);
}

async function frames(instance, speaker, storageState, rate) {
  const scope = new Scope();
  try {
    const visitor = await Visitor.arrive(scope, instance, { storageState });
    await visitor.log.getByRole('article').first().waitFor();
    await slowDown(visitor, rate);
    await visitor.page.evaluate(noteFrames);
    await speak(speaker, SECONDS * MESSAGES_PER_SECOND);
    await visitor.isAtEnd();
    const { frames, tasks } = await visitor.page.evaluate('noted()');
    const [half, most, worst] = [0.5, 0.95, 1].map((share) => ms(at(frames, share)));
    const long = `${tasks.length} tasks over 50 ms, ${ms(at(tasks, 1))} at most`;
    console.log(`frames, ${rate}× slower: p50 ${half}, p95 ${most}, max ${worst}; ${long}`);
  } finally {
    await scope.close();
  }
}

/** Says so many things, evenly; some are longer than others. */
async function speak(speaker, count) {
  const begun = performance.now();
  const answers = [];
  for (let n = 0; n < count; n += PER_TURN) {
    const due = begun + (n * 1_000) / MESSAGES_PER_SECOND;
    await until('the next turn', () => performance.now() >= due);
    for (let i = 0; i < PER_TURN; i += 1) {
      answers.push(speaker.send(`This is said quickly, ${n + i}. `.repeat(1 + (i % 4))));
    }
  }
  const refused = (await Promise.all(answers)).filter((answer) => !answer.ok);
  if (refused.length > 0) throw new Error(JSON.stringify(refused[0]));
  const rate = (count * 1_000) / (performance.now() - begun);
  console.log(`${count} messages at ${rate.toFixed(0)} a second`);
}

const scope = new Scope();
try {
  console.log(`load of the machine before: ${loadavg()[0].toFixed(1)} on ${cpus().length} processors`);
  const instance = await ready(scope, ['--ephemeral', '--rate-limit', 'none']);
  const speaker = await Member.connect(scope, instance, { name: 'Awa', transport: 'websocket' });
  await speaker.must('join', { room: 'general' });
  await speak(speaker, 400);
  const visitor = await Visitor.enter(scope, instance, 'Binta');
  await visitor.log.getByRole('article').first().waitFor();
  const storageState = await visitor.context.storageState();
  await visitor.leave();
  for (const rate of SLOWER) await firstMessage(instance, storageState, rate);
  for (const rate of SLOWER) await frames(instance, speaker, storageState, rate);
} finally {
  await scope.close();
}
