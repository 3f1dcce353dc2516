// The page in headless Chromium.

import assert from 'node:assert/strict';
import { Member, Stock } from '../lib/clients.js';
import { cluster, ready } from '../lib/palabre.js';
import { Visitor } from '../lib/page.js';
import { folder } from '../lib/program.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

test('two pages on two instances: what one says the other sees', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const awa = await Visitor.enter(scope, one, 'Awa');
  const binta = await Visitor.enter(scope, two, 'Binta', { locale: 'fr' });
  await awa.say('Good evening, everyone');
  await binta.sees('Good evening, everyone');
  await binta.say('Bonsoir à tous');
  await awa.sees('Bonsoir à tous');
  await awa.say('How are you?');
  await binta.sees('How are you?');

  const said = ['Good evening, everyone', 'Bonsoir à tous', 'How are you?'];
  assert.deepEqual(await awa.texts(), said);
  assert.deepEqual(await binta.texts(), said);
  const article = binta.log.getByRole('article').filter({ hasText: 'How are you?' });
  assert.match(await article.getAttribute('aria-label'), /^Awa,/, 'it names its author');

  await awa.page.reload();
  await awa.sees('How are you?');
  assert.deepEqual(await awa.texts(), said, 'a reload shows the history');
  await awa.say('Here again');
  await binta.sees('Here again');
  const reader = await Member.connect(scope, one);
  const entries = await reader.history();
  const names = entries.map((entry) => entry.name);
  assert.deepEqual(names, ['Awa', 'Binta', 'Awa', 'Awa']);
  assert.equal(entries[3].user, entries[0].user, 'a reload keeps who one is');
  assert.deepEqual([awa.errors, binta.errors], [[], []]);
});

test('the page and a stock client hear each other', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const stock = await Stock.connect(scope, instance, { version: '4.0', transport: 'polling' });
  const awa = await Visitor.enter(scope, instance, 'Awa');
  await awa.say('from the page');
  await until('the stock client hears the page', () => stock.heard.includes('from the page'));
  await stock.say('from the <b>client</b>');
  await awa.sees('from the <b>client</b>');
  assert.deepEqual(awa.errors, []);
});

test('what is said while the server is away is sent once when it is back', async (scope) => {
  const data = await folder(scope, 'data');
  const args = ['--data', data, '--port', `${await freePort()}`];
  const first = await ready(scope, args);
  const awa = await Visitor.enter(scope, first, 'Awa');
  await awa.say('before');
  await awa.sees('before');
  await first.program.stop('SIGKILL');
  await awa.say('into the silence');
  await awa.sees('into the silence');

  const second = await ready(scope, args);
  const reader = await Member.connect(scope, second);
  await reader.must('join', { room: 'general' });
  const arrived = async () => (await reader.texts()).includes('into the silence');
  await until('it is sent', arrived);
  await awa.say('after');
  await until('that too', async () => (await reader.texts()).includes('after'));
  assert.deepEqual(await reader.texts(), ['before', 'into the silence', 'after']);
  const settled = async () => (await awa.texts()).length === 3;
  await until('the page shows each once', settled);
  assert.deepEqual(await awa.texts(), ['before', 'into the silence', 'after']);
});

test('a room has an address of its own', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const awa = await Visitor.enter(scope, instance, 'Awa', { path: '/r/garden' });
  const binta = await Visitor.enter(scope, instance, 'Binta');
  await awa.say('among the flowers');
  await awa.sees('among the flowers');
  await binta.say('in the lobby');
  await binta.sees('in the lobby');
  const reader = await Member.connect(scope, instance);
  assert.deepEqual(await reader.texts('garden'), ['among the flowers']);
  assert.deepEqual(await reader.texts('general'), ['in the lobby']);
});
