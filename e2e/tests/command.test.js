// The command line: errors are clear and end with exit code 2, signals end with 0.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Stock } from '../lib/clients.js';
import { ready, run, serve } from '../lib/palabre.js';
import { folder } from '../lib/program.js';
import { freePort } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const MESSAGE_LINES_MAX = 12;

async function assertRefused(scope, args, says, env) {
  const { code, output } = await run(scope, args, { env });
  const shown = `palabre ${args.join(' ')}:\n${output}`;
  assert.equal(code, 2, shown);
  for (const word of says) assert.ok(output.includes(word), `${shown}\nlacks "${word}"`);
  assert.ok(output.trim().split('\n').length <= MESSAGE_LINES_MAX, `a short message: ${shown}`);
  assert.doesNotMatch(output, /panicked|RUST_BACKTRACE/, shown);
}

test('an unknown flag or command is refused', async (scope) => {
  await assertRefused(scope, ['serve', '--no-such-flag'], ['--no-such-flag']);
  await assertRefused(scope, ['no-such-command'], ['no-such-command']);
  await assertRefused(scope, ['demo', '--instances', '0'], ['instances']);
});

test('a bad value is refused, wherever it comes from', async (scope) => {
  await assertRefused(scope, ['serve', '--port', '70000'], ['port', '70000']);
  await assertRefused(scope, ['serve', '--port', 'many'], ['port', 'many']);
  await assertRefused(scope, ['serve', '--bind', 'no address'], ['bind']);
  await assertRefused(scope, ['serve', '--redis', 'http://127.0.0.1'], ['redis']);
  await assertRefused(scope, ['serve', '--public', '/no/such/folder'], ['/no/such/folder']);
  await assertRefused(scope, ['serve'], ['PORT', 'many'], { PORT: 'many' });
  await assertRefused(scope, ['serve'], ['REDIS_URL'], { REDIS_URL: 'nonsense' });
  await assertRefused(scope, ['serve'], ['PALABRE__PORT', '-1'], { PALABRE__PORT: '-1' });
  await assertRefused(scope, ['serve'], ['PALABRE__COLOUR'], { PALABRE__COLOUR: 'green' });
});

test('an unknown key or a bad value in the file is refused with its place', async (scope) => {
  const path = join(await folder(scope, 'config'), 'palabre.toml');
  await writeFile(path, 'lobby = "general"\ncolour = "green"\n');
  await assertRefused(scope, ['serve', '--config', path], [path, 'colour']);
  await writeFile(path, 'port = "many"\n');
  await assertRefused(scope, ['serve', '--config', path], [path, 'port']);
  await writeFile(path, 'port = = 1\n');
  await assertRefused(scope, ['serve', '--config', path], [path]);
  await assertRefused(scope, ['serve', '--config', `${path}.missing`], [`${path}.missing`]);
});

test('a port in use is refused', async (scope) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  const port = `${server.address().port}`;
  await assertRefused(scope, ['serve', '--ephemeral', '--port', port], [port]);
  await assertRefused(scope, ['demo', '--port', port], [port]);
});

test('default < file < environment < flag', async (scope) => {
  const [inFile, inVariable, inFlag] = [await freePort(), await freePort(), await freePort()];
  const path = join(await folder(scope, 'config'), 'palabre.toml');
  await writeFile(path, `port = ${inFile}\nephemeral = true\n`);
  const print = async (env, ...args) => {
    const options = ['config', 'print', '--config', path, ...args];
    const { code, stdout, output } = await run(scope, options, { env });
    assert.equal(code, 0, output);
    return Number(/^port = (\d+)/m.exec(stdout)?.[1]);
  };
  assert.equal(await print({}), inFile);
  assert.equal(await print({ PORT: `${inVariable}` }), inVariable);
  assert.equal(await print({ PORT: `${inVariable}` }, '--port', `${inFlag}`), inFlag);
});

test('at start-up it says where it listens and which broker it uses', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const line = instance.program.output.split('\n').find((text) => text.includes(instance.url));
  assert.ok(line, instance.program.output);
  assert.match(line, /memory|ephemeral/i);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} ends it cleanly, and clients come back to the next one`, async (scope) => {
    const port = await freePort();
    const data = await folder(scope, 'data');
    const args = ['--data', data, '--port', `${port}`];
    const first = await serve(scope, args);
    await first.ready();
    const client = await Stock.connect(scope, first);
    const reasons = [];
    client.socket.on('disconnect', (reason) => reasons.push(reason));
    const end = await first.program.stop(signal);
    assert.deepEqual(end, { code: 0, signal: null });
    assert.doesNotMatch(first.program.output, /panicked at/);

    await ready(scope, args);
    const isBack = () => client.socket.connected && reasons.length > 0;
    await until('the client is back by itself', isBack);
    assert.doesNotMatch(reasons[0], /server disconnect/, 'that one would not come back');
    assert.equal((await client.say('here again')).ok, true);
  });
}
