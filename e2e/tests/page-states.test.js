// The page in each of its states: it says what there is to say, and keeps nobody out.

import assert from 'node:assert/strict';
import { Member } from '../lib/clients.js';
import { ready } from '../lib/palabre.js';
import { PHONE, Visitor } from '../lib/page.js';
import { freePort, Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';

/** Checks one state of the page, whoever looks at it. */
async function isOpenToAll(visitor, state) {
  assert.deepEqual(await visitor.barriers(), [], state);
}

test('the first visit, an empty room and a first word keep nobody out', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  for (const look of [{ locale: 'en' }, { locale: 'fr', colorScheme: 'dark' }]) {
    const visitor = await Visitor.arrive(scope, instance, { ...look, path: '/r/garden' });
    await isOpenToAll(visitor, 'first visit');
    await visitor.page.getByRole('button', { name: visitor.words.enter }).click();
    await visitor.page.getByRole('alert').filter({ hasText: /./ }).waitFor();
    await isOpenToAll(visitor, 'a name that won’t do');
    await visitor.comeIn('Awa');
    await visitor.page.locator('.empty').or(visitor.log.getByRole('article')).first().waitFor();
    await isOpenToAll(visitor, 'empty room');
    await visitor.say(`Good evening, ${look.locale}: https://example.org/programme`);
    await visitor.log.getByRole('link').last().waitFor();
    await visitor.log.getByRole('article').last().hover();
    await isOpenToAll(visitor, 'a message that is pointed at');
    assert.deepEqual(visitor.errors, []);
  }
});

test('menus and sheets keep nobody out', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const { words, ...wide } = await opened(scope, instance, { colorScheme: 'dark' });
  const { visitor } = wide;
  await visitor.page.getByRole('button', { name: words.me }).click();
  await visitor.reads('Round trip');
  await isOpenToAll(visitor, 'connection menu');
  await visitor.page.keyboard.press('Escape');
  await visitor.page.getByRole('heading', { level: 1 }).getByRole('button').click();
  await isOpenToAll(visitor, 'room menu');
  await visitor.page.keyboard.press('Escape');
  await visitor.page.getByRole('button', { name: words.find }).click();
  await visitor.page.getByLabel(words.find, { exact: true }).last().fill('tea');
  await isOpenToAll(visitor, 'finding a room');
  await visitor.page.keyboard.press('Escape');
  await visitor.log.focus();
  await visitor.page.keyboard.press('?');
  await visitor.page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await isOpenToAll(visitor, 'help');

  const { visitor: phone } = await opened(scope, instance, { locale: 'fr', ...PHONE });
  await phone.page.getByRole('button', { name: phone.words.rooms }).click();
  await phone.rooms.waitFor();
  await isOpenToAll(phone, 'rooms on a sheet');
  await phone.page.keyboard.press('Escape');
  await phone.page.getByRole('button', { name: phone.words.people }).click();
  await phone.page.getByRole('dialog').waitFor();
  await isOpenToAll(phone, 'people on a sheet');
  assert.deepEqual([...visitor.errors, ...phone.errors], []);
});

async function opened(scope, instance, look) {
  const visitor = await Visitor.enter(scope, instance, 'Awa', look);
  await visitor.say(`Here is ${look.locale ?? 'en'}`);
  await visitor.sees(`Here is ${look.locale ?? 'en'}`);
  return { visitor, words: visitor.words };
}

test('what is too long says by how much, and is not sent', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const visitor = await Visitor.enter(scope, instance, 'Awa');
  await visitor.composer.fill('x'.repeat(3_900));
  await visitor.reads('100 characters left');
  await visitor.composer.fill('x'.repeat(4_003));
  await visitor.reads('3 characters too many');
  await visitor.composer.press('Enter');
  assert.equal(await visitor.composer.inputValue(), 'x'.repeat(4_003), 'it is kept');
  assert.deepEqual(await visitor.texts(), []);
  await isOpenToAll(visitor, 'too long');
});

test('what the server refuses can be said otherwise, or once more', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const visitor = await Visitor.enter(scope, instance, 'Awa', { colorScheme: 'dark' });
  await visitor.say('no \0 is taken');
  await visitor.log.getByText('The server did not understand this.').waitFor();
  await isOpenToAll(visitor, 'refused');
  await visitor.say('this is');
  await visitor.sees('this is');
  await visitor.log.getByRole('button', { name: 'Try again' }).click();
  await visitor.log.getByText('The server did not understand this.').waitFor();
  await visitor.log.getByRole('button', { name: 'Edit' }).click();
  assert.equal(await visitor.composer.inputValue(), 'no \0 is taken');
  await visitor.hasSentAll();
  assert.deepEqual(await visitor.texts(), ['this is'], 'it is taken back');
});

test('a room that can’t be says so, and leads out', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const visitor = await Visitor.enter(scope, instance, 'Awa');
  await visitor.comeBack('/r/%20%20');
  await visitor.reads('This room can’t be entered');
  await isOpenToAll(visitor, 'refused room');
  await visitor.page.getByRole('link', { name: 'Go to general' }).click();
  await visitor.say('Out again');
  await visitor.sees('Out again');
});

test('while there is no connection yet that is said, and what was written is kept', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const visitor = await Visitor.arrive(scope, instance, { locale: 'fr' });
  const blocked = '**/socket.io/**';
  let isBlocked = true;
  await visitor.context.routeWebSocket(/socket\.io/, (socket) => {
    if (isBlocked) socket.close();
    else socket.connectToServer();
  });
  await visitor.context.route(blocked, (route) => route.abort());
  await visitor.page.reload();
  await visitor.comeIn('Awa');
  await visitor.page.getByRole('status').getByText('Connexion…').waitFor();
  await visitor.say('avant d’être là');
  assert.deepEqual(await visitor.barriers(), []);
  isBlocked = false;
  await visitor.sees('avant d’être là');
  assert.deepEqual(await visitor.texts(), ['avant d’être là']);
});

test('a connection that the server ends is not tried again unless somebody asks', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const visitor = await Visitor.arrive(scope, instance);
  const sockets = [];
  await visitor.context.routeWebSocket(/socket\.io/, (socket) => {
    socket.connectToServer();
    sockets.push(socket);
  });
  await visitor.page.reload();
  await visitor.comeIn('Awa');
  await visitor.say('here');
  await visitor.sees('here');
  sockets.at(-1).send('41'); // the packet by which a server ends a namespace
  await visitor.reads('The server closed the connection.');
  assert.deepEqual(await visitor.barriers(), []);
  await visitor.page.getByRole('button', { name: 'Connect again' }).click();
  await visitor.say('here again');
  await visitor.hasSentAll();
  assert.deepEqual(await visitor.texts(), ['here', 'here again']);
});

test('away, held, lost and back: each is said, and what was written is sent', async (scope) => {
  const redis = await Redis.start(scope);
  const args = ['--redis', redis.url, '--port', `${await freePort()}`, '--rate-limit', 'none'];
  let instance = await ready(scope, args);
  const visitor = await Visitor.enter(scope, instance, 'Awa', { colorScheme: 'dark' });
  await visitor.say('before');
  await visitor.sees('before');

  redis.freeze();
  await visitor.say('into the ice');
  await visitor.reads('Messages are being held; nothing is lost.');
  await isOpenToAll(visitor, 'degraded');
  redis.thaw();
  await visitor.page.getByText('Messages are being held').waitFor({ state: 'hidden' });
  await visitor.hasSentAll();

  await instance.program.stop('SIGKILL');
  await visitor.reads('Reconnecting…');
  await visitor.say('into the silence');
  await visitor.log.getByText('Waiting').waitFor();
  await isOpenToAll(visitor, 'offline');
  const beside = await ready(scope, ['--redis', redis.url, '--rate-limit', 'none']);
  const binta = await Member.connect(scope, beside, { name: 'Binta' });
  await binta.must('join', { room: 'general' });
  for (const text of ['meanwhile', 'and then']) await binta.send(text);
  instance = await ready(scope, args);
  await visitor.reads('You are up to date: 2 messages came in.');
  await isOpenToAll(visitor, 'recovered');
  await visitor.hasSentAll();
  const said = ['before', 'into the ice', 'meanwhile', 'and then', 'into the silence'];
  assert.deepEqual(await visitor.texts(), said);
  await beside.program.stop('SIGKILL');

  await instance.program.stop('SIGKILL');
  await redis.ask('FLUSHALL');
  instance = await ready(scope, args);
  const other = await Member.connect(scope, instance, { name: 'Binta' });
  await other.must('join', { room: 'general' });
  await other.send('a new beginning');
  await visitor.reads('The server lost its past.');
  await isOpenToAll(visitor, 'reset');
  await visitor.sees('a new beginning');
});
