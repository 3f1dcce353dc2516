// `palabre bench` against real instances: it counts what others can count too.

import assert from 'node:assert/strict';
import { Member } from '../lib/clients.js';
import { cluster, run } from '../lib/palabre.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';

const CLIENTS = 40;
const MESSAGES = 60;

test('bench loads two instances and finds nothing lost, doubled or disordered', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 2, redis);
  const urls = instances.flatMap((instance) => ['--url', instance.url]);
  const load = ['--clients', `${CLIENTS}`, '--rate', `${MESSAGES / 2}`, '--duration', '2'];
  const { code, stdout, output } = await run(scope, ['bench', ...urls, ...load, '--json']);
  assert.equal(code, 0, output);
  const report = JSON.parse(stdout);
  const { connected, acknowledged, deliveries, lost, doubled, disordered } = report;
  assert.deepEqual([connected, acknowledged], [CLIENTS, MESSAGES]);
  assert.equal(deliveries, CLIENTS * MESSAGES);
  assert.deepEqual([lost, doubled, disordered], [0, 0, 0]);
  const reader = await Member.connect(scope, instances[0]);
  assert.equal((await reader.history()).length, MESSAGES, 'the log has as many');
});

test('bench without a server is an error', async (scope) => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = ['bench', '--url', url, '--clients', '2', '--duration', '1', '--patience', '1'];
  const { code, output } = await run(scope, args);
  assert.notEqual(code, 0, output);
  assert.match(output, /refused/);
});
