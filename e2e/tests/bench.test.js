// `palabre bench` against real instances: it counts what others can count too.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Member } from '../lib/clients.js';
import { cluster, ready, run } from '../lib/palabre.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';

const CLIENTS = 40;
const MESSAGES = 60;
const NOTHING = { lost: 0, doubled: 0, disordered: 0, misdirected: 0, strangers: 0 };

/** Loads the instances and gives the report of a run that went well. */
async function bench(scope, instances, options) {
  const urls = instances.flatMap((instance) => ['--url', instance.url]);
  const pids = instances.flatMap((instance) => ['--pid', `${instance.program.child.pid}`]);
  const clients = ['--clients', `${CLIENTS}`];
  const args = ['bench', ...urls, ...pids, ...clients, ...options, '--json'];
  const { code, stdout, output } = await run(scope, args);
  assert.equal(code, 0, output);
  const report = JSON.parse(stdout);
  const { lost, doubled, disordered, misdirected, strangers } = report;
  assert.deepEqual({ lost, doubled, disordered, misdirected, strangers }, NOTHING);
  assert.equal(report.connected, CLIENTS);
  return report;
}

const alone = (scope) => ready(scope, ['--ephemeral', '--rate-limit', 'none']);

test('bench loads two instances and finds nothing lost, doubled or disordered', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 2, redis);
  const load = ['--rate', `${MESSAGES / 2}`, '--duration', '2'];
  const report = await bench(scope, instances, load);
  assert.equal(report.acknowledged, MESSAGES);
  assert.equal(report.deliveries, CLIENTS * MESSAGES);
  assert.ok(report.connect.cpu_us_per_connection > 0 && report.cpu_us_per_delivery > 0);
  assert.ok(report.memory.peak >= report.memory.connected);
  const { was_bottleneck: isSlow } = report.generator;
  for (const figure of ['delivery', 'acknowledgement', 'deliveries_per_second']) {
    assert.equal(report[figure] === null, isSlow, `${figure}: given if it is true`);
  }
  const reader = await Member.connect(scope, instances[0]);
  assert.equal((await reader.history()).length, MESSAGES, 'the log has as many');
});

test('bench closes the loop, alone and with several workers', async (scope) => {
  const instance = await alone(scope);
  for (const workers of [1, 3]) {
    const load = ['--in-flight', '4', '--messages', '50', '--workers', `${workers}`];
    const report = await bench(scope, [instance], load);
    assert.deepEqual([report.workers, report.messages], [workers, 50]);
    assert.equal(report.deliveries, CLIENTS * 50);
  }
});

test('bench spreads palabre clients over rooms', async (scope) => {
  const instance = await alone(scope);
  for (const workers of ['1', '2']) {
    const load = ['--rooms', '8', '--rate', '100', '--duration', '1', '--workers', workers];
    const report = await bench(scope, [instance], load);
    assert.deepEqual([report.acknowledged, report.senders], [100, 8]);
    assert.equal(report.deliveries, (CLIENTS / 8) * 100, 'each to the clients of its room');
  }
});

test('bench polls', async (scope) => {
  const instance = await alone(scope);
  const load = ['--transport', 'polling', '--rate', '50', '--duration', '1'];
  const report = await bench(scope, [instance], load);
  assert.equal(report.deliveries, CLIENTS * 50);
});

test('bench lets clients come and go', async (scope) => {
  const instance = await alone(scope);
  const load = ['--churn', '600', '--rate', '50', '--duration', '2'];
  const report = await bench(scope, [instance], load);
  assert.ok(report.left > 0 && report.came > 0, `${report.left} left, ${report.came} came`);
  assert.ok(report.deliveries >= (CLIENTS - report.left) * 100, 'those who stay get all');
  assert.ok(report.timeline.every(({ memory }) => memory > 0), 'memory over time');
});

test('bench draws a picture', async (scope) => {
  const instance = await alone(scope);
  const folder = await mkdtemp(join(tmpdir(), 'palabre-bench-'));
  scope.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, 'run.svg');
  const load = ['--in-flight', '2', '--messages', '40', '--plot', file];
  await bench(scope, [instance], load);
  const svg = await readFile(file, 'utf8');
  assertWellFormed(svg);
  assert.match(svg, /1600 deliveries: 0 lost/);
});

/** Every element is closed in its turn, and every number is one. */
function assertWellFormed(svg) {
  const open = [];
  for (const [, closes, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^<>]*)>/g)) {
    if (closes) assert.equal(open.pop(), name);
    else if (!rest.endsWith('/')) open.push(name);
    for (const [, key, value] of rest.matchAll(/ ([xy][12]?|width|height)="([^"]*)"/g)) {
      assert.ok(Number.isFinite(Number(value)), `${name} ${key}="${value}"`);
    }
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg.replaceAll(/<[^<>]*>/g, ''), /[<>]/);
}

test('bench without a server is an error that names it', async (scope) => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = ['bench', '--url', url, '--clients', '2', '--duration', '1', '--patience', '1'];
  const { code, output } = await run(scope, args);
  assert.equal(code, 2, output);
  assert.match(output, /refused/);
  assert.ok(output.includes(`no client could connect to ${url}`), output);
});

test('bench refuses options that contradict each other', async (scope) => {
  const contradictions = [
    ['--rate', '5', '--in-flight', '2'],
    ['--duration', '5', '--messages', '2'],
    ['--churn', '5', '--in-flight', '2'],
    ['--rooms', '200'],
  ];
  for (const options of contradictions) {
    const { code, output } = await run(scope, ['bench', ...options]);
    assert.equal(code, 2, output);
    assert.ok(output.includes(options[0]), output);
  }
});
