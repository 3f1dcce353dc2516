// One instance with the embedded store, and `palabre demo`.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { assertAgreement } from '../lib/agreement.js';
import { Member, Stock } from '../lib/clients.js';
import { BINARY, Instance, listening, ready, run } from '../lib/palabre.js';
import { folder, Program } from '../lib/program.js';
import { test } from '../lib/test.js';
import { freePort } from '../lib/redis.js';

async function said(instance, scope, count) {
  const client = await Stock.connect(scope, instance);
  const texts = Array.from({ length: count }, (_, at) => `message ${at}`);
  for (const text of texts) {
    const answer = await client.say(text);
    assert.equal(answer.ok, true, JSON.stringify(answer));
  }
  return texts;
}

test('a restart shows the history again, and goes on behind it', async (scope) => {
  const data = join(await folder(scope, 'data'), 'not', 'there', 'yet');
  const first = await ready(scope, ['--data', data]);
  const texts = await said(first, scope, 30);
  const before = await (await Member.connect(scope, first)).history();
  assert.deepEqual((await first.program.stop('SIGTERM')).code, 0);

  const second = await ready(scope, ['--data', data]);
  const member = await Member.connect(scope, second);
  assert.deepEqual(await member.history(), before, 'every field of every entry is as it was');
  assert.deepEqual(before.map((entry) => entry.text), texts);
  const next = await (await Stock.connect(scope, second)).say('after the restart');
  assert.equal(next.offset, texts.length + 1);
});

test('what was acknowledged survives a kill', async (scope) => {
  const data = await folder(scope, 'data');
  const first = await ready(scope, ['--data', data]);
  const texts = await said(first, scope, 20);
  await first.program.stop('SIGKILL');
  const second = await ready(scope, ['--data', data]);
  assert.deepEqual(await (await Member.connect(scope, second)).texts(), texts);
});

test('an ephemeral instance forgets and leaves no files', async (scope) => {
  const data = join(await folder(scope, 'data'), 'unused');
  const first = await ready(scope, ['--ephemeral', '--data', data]);
  await said(first, scope, 3);
  await first.program.stop('SIGTERM');
  const second = await ready(scope, ['--ephemeral', '--data', data]);
  assert.deepEqual(await (await Member.connect(scope, second)).texts(), []);
});

test('a second process on the same data directory is refused', async (scope) => {
  const data = await folder(scope, 'data');
  const first = await ready(scope, ['--data', data]);
  const { code, output } = await run(scope, ['serve', '--port', '0', '--data', data]);
  assert.equal(code, 2, output);
  assert.ok(output.includes(data), `it names the directory: ${output}`);
  assert.match(output, /another|already|in use/i);
  await first.assertHealthy();
  await said(first, scope, 1);
});

test('demo runs two instances that share one log', async (scope) => {
  const port = await freePort();
  const program = new Program(scope, 'demo', BINARY, ['demo', '--port', `${port}`]);
  const ports = await listening(program, 2);
  assert.deepEqual(ports.sort(), [port, port + 1]);
  const instances = ports.map((number) => new Instance(program, number));
  await Promise.all(instances.map((instance) => instance.ready()));
  const [one, two] = await Promise.all(instances.map((at) => Stock.connect(scope, at)));
  await one.say('from one');
  await two.say('from two');
  const heard = await assertAgreement([one, two], one, 'the last word');
  assert.deepEqual([...heard].sort(), ['from one', 'from two', 'the last word']);
  assert.equal((await program.stop('SIGINT')).code, 0);
});

test('demo runs as many instances as it is told', async (scope) => {
  const port = await freePort();
  const args = ['demo', '--port', `${port}`, '--instances', '3'];
  const program = new Program(scope, 'demo', BINARY, args);
  const ports = await listening(program, 3);
  const instances = ports.map((number) => new Instance(program, number));
  await Promise.all(instances.map((instance) => instance.ready()));
  const clients = await Promise.all(instances.map((at) => Stock.connect(scope, at)));
  await Promise.all(clients.map((client, at) => client.say(`from ${at}`)));
  await assertAgreement(clients, clients[2], 'the last word');
});
