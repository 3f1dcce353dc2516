// How long an instance takes from its start to its line and to readiness: `npm run startup`, with
// PALABRE_BIN for another binary than the debug build. Medians of several starts.

import { folder } from './lib/program.js';
import { serve } from './lib/palabre.js';
import { Scope } from './lib/test.js';

const STARTS = 7;

async function start(args) {
  const scope = new Scope();
  try {
    const begun = performance.now();
    const instance = await serve(scope, args);
    const listens = performance.now() - begun;
    while ((await instance.status('/readyz')) !== 200);
    return { listens, ready: performance.now() - begun };
  } finally {
    await scope.close();
  }
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

const scope = new Scope();
try {
  const data = await folder(scope, 'data');
  for (const args of [['--ephemeral'], ['--data', data]]) {
    const starts = [];
    while (starts.length < STARTS) starts.push(await start(args));
    const ms = (what) => `${what} after ${median(starts.map((one) => one[what])).toFixed(0)} ms`;
    console.log(`${args[0]}: ${ms('listens')}, ${ms('ready')}`);
  }
} finally {
  await scope.close();
}
