// `palabre chaos` at a size that fits here: every promise is kept, whatever is broken.

import assert from 'node:assert/strict';
import { BINARY, run } from '../lib/palabre.js';
import { Program } from '../lib/program.js';
import { test } from '../lib/test.js';
import { within } from '../lib/waiting.js';

const SMALL = ['--clients', '6', '--palabre-clients', '4', '--rate', '40', '--rounds', '1', '--json'];
const RUN_MS_MAX = 150_000;

async function chaos(scope, scenario) {
  const args = ['chaos', '--scenario', scenario, ...SMALL];
  const program = new Program(scope, 'chaos', BINARY, args);
  const { code } = await within(`the end of ${scenario}`, program.ended, RUN_MS_MAX);
  assert.equal(code, 0, program.output);
  const [verdict, ...more] = JSON.parse(program.stdout);
  assert.deepEqual(more, []);
  return verdict;
}

const SCENARIOS = [
  'client-drop', 'kill-instance', 'rolling-restart', 'redis-restart', 'redis-freeze', 'redis-cut',
  'failover', 'slow-client', 'herd', 'any-instance-polling',
];

for (const scenario of SCENARIOS) {
  test(`chaos: ${scenario}`, async (scope) => {
    const verdict = await chaos(scope, scenario);
    const { kept, clients, acknowledged, delivered, faults, reset } = verdict;
    assert.deepEqual([verdict.scenario, kept, clients, faults.length], [scenario, true, 10, 1]);
    assert.deepEqual([verdict.lost, verdict.doubled, verdict.reordered], [0, 0, 0]);
    assert.equal(reset, 0, 'everybody who came back was recovered');
    assert.ok(acknowledged > 0 && delivered > acknowledged, JSON.stringify(verdict));
  });
}

test('chaos on servers of others does what can be done to clients only', async (scope) => {
  const args = ['chaos', '--scenario', 'redis-cut', '--url', 'http://127.0.0.1:1'];
  const refused = await run(scope, args);
  assert.equal(refused.code, 2);
  assert.match(refused.output, /redis-cut needs instances of its own/);
});
