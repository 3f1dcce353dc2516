// Rooms and the people in them, as they are met on the page.

import assert from 'node:assert/strict';
import { Member } from '../lib/clients.js';
import { cluster, ready, serve } from '../lib/palabre.js';
import { PHONE, Visitor } from '../lib/page.js';
import { Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const title = (visitor) => visitor.page.getByRole('heading', { level: 1 });
const roomLink = (visitor, name) => visitor.rooms.getByRole('link', { name });

/** Opens the sheet of rooms and types into its field. */
async function find(visitor, typed) {
  await visitor.page.keyboard.press('Control+k');
  await visitor.page.getByRole('dialog').waitFor();
  await visitor.page.keyboard.type(typed);
}

test('rooms are made, found, counted and left, over two instances', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const awa = await Visitor.enter(scope, one, 'Awa');
  const binta = await Visitor.enter(scope, two, 'Binta');
  await binta.say('hello');
  await awa.sees('hello');

  await find(awa, 'Jardin d’été');
  await awa.page.keyboard.press('Enter');
  await title(awa).getByText('Jardin d’été').waitFor();
  assert.equal(new URL(awa.page.url()).pathname, `/r/${encodeURIComponent('jardin-d-été')}`);
  await awa.say('among the flowers');
  await awa.sees('among the flowers');

  await until('the other instance lists it', async () => {
    await binta.page.keyboard.press('Escape');
    await find(binta, 'ete');
    return (await binta.page.getByRole('dialog').getByText('among the flowers').count()) > 0;
  });
  await binta.page.keyboard.press('Enter');
  await binta.sees('among the flowers');
  await roomLink(binta, 'general').click();
  await binta.sees('hello');
  await awa.say('the tomatoes');
  await awa.say('the beans');
  await roomLink(binta, 'Jardin d’été 2 unread messages').waitFor();
  await roomLink(binta, 'Jardin d’été').click();
  await binta.newLine.waitFor();
  await binta.sees('the beans');
  await roomLink(binta, /^Jardin d’été$/).waitFor();

  await title(binta).getByRole('button').click();
  await binta.page.getByRole('button', { name: 'Leave this room' }).click();
  await title(binta).getByText('general').waitFor();
  assert.equal(await roomLink(binta, 'Jardin d’été').count(), 0);
  await binta.page.reload();
  await binta.sees('hello');
  assert.equal(await roomLink(binta, 'Jardin d’été').count(), 0, 'it stays left');
  await awa.page.reload();
  await roomLink(awa, 'Jardin d’été').waitFor();
  assert.deepEqual([awa.errors, binta.errors], [[], []]);
});

test('who is here, who comes, who leaves and who is typing', async (scope) => {
  const redis = await Redis.start(scope);
  const [one, two] = await cluster(scope, 2, redis);
  const awa = await Visitor.enter(scope, one, 'Awa');
  const people = awa.page.getByRole('complementary', { name: 'People' });
  await people.getByText('Awa').waitFor();
  const log = await awa.log.boundingBox();
  const binta = await Visitor.enter(scope, two, 'Binta');
  await people.getByText('Binta').waitFor();
  await awa.page.getByRole('button', { name: '2 here' }).waitFor();

  await binta.composer.pressSequentially('I am');
  await awa.reads(/Binta.* is typing…/);
  const mathis = await Member.connect(scope, two, { name: 'Mathis' });
  await mathis.must('join', { room: 'general' });
  await mathis.must('typing', { room: 'general', on: true });
  await awa.reads(/Binta.* and .*Mathis.* are typing…|Mathis.* and .*Binta.* are typing…/);
  assert.deepEqual(await awa.log.boundingBox(), log, 'nothing has moved for it');
  await binta.composer.press('Enter');
  await awa.sees('I am');
  await awa.reads(/^\W*Mathis\W* is typing…/);

  await binta.leave();
  await people.getByText('Binta').waitFor({ state: 'detached' });
  await awa.page.getByRole('button', { name: 'Close the list of people' }).click();
  await people.waitFor({ state: 'detached' });
  await awa.page.reload();
  await awa.sees('I am');
  assert.equal(await people.count(), 0, 'what was closed stays closed');
  await awa.page.getByRole('button', { name: '2 here' }).click();
  await people.getByText('Mathis').waitFor();
  assert.deepEqual(awa.errors, []);
});

test('each room keeps its draft, over a reload too', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const awa = await Visitor.enter(scope, instance, 'Awa');
  await awa.composer.fill('for everybody,\nlater');
  await find(awa, 'garden');
  await awa.page.keyboard.press('Enter');
  await title(awa).getByText('garden').waitFor();
  const draft = (text) =>
    until(`"${text}" is in the composer`, async () => (await awa.composer.inputValue()) === text);
  await draft('');
  await awa.composer.fill('for the gardeners');
  await awa.page.reload();
  await draft('for the gardeners');
  await awa.page.keyboard.press('Alt+ArrowUp');
  await title(awa).getByText('general').waitFor();
  await draft('for everybody,\nlater');
  await awa.page.goBack();
  await draft('for the gardeners');
  await awa.composer.press('Enter');
  await awa.sees('for the gardeners');
  await awa.page.reload();
  await awa.sees('for the gardeners');
  await draft('');
  assert.deepEqual(awa.errors, []);
});

test('a private room is closed to others, and tells them so', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const owner = await Member.connect(scope, instance, { name: 'Mathis' });
  await owner.must('create', { room: 'attic', private: true });
  const awa = await Visitor.enter(scope, instance, 'Awa', { path: '/r/attic' });
  await awa.reads('This room can’t be entered');
  await awa.reads('It is private');
  assert.deepEqual(await awa.barriers(), []);
  await awa.page.getByRole('link', { name: 'Go to general' }).click();
  await awa.say('well then');
  await awa.sees('well then');
  assert.equal(await roomLink(awa, 'attic').count(), 0);
});

test('on a phone the rooms are a sheet that leads to one and is gone', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const awa = await Visitor.enter(scope, instance, 'Awa', { ...PHONE, path: '/r/garden' });
  await awa.say('here');
  await awa.sees('here');
  const opener = awa.page.getByRole('button', { name: awa.words.rooms, exact: true });
  await opener.tap();
  await roomLink(awa, 'general').tap();
  await title(awa).getByText('general').waitFor();
  await awa.rooms.waitFor({ state: 'hidden' });
  await awa.page.getByRole('button', { name: awa.words.people }).tap();
  await awa.page.getByRole('dialog', { name: 'People' }).getByText('Awa').waitFor();
  await awa.page.touchscreen.tap(10, 400);
  await awa.page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.deepEqual(awa.errors, []);
});

test('under a base path everything stays there', async (scope) => {
  const instance = await serve(scope, ['--ephemeral', '--base-path', '/chat/']);
  await until('it is ready', async () => (await instance.status('/chat/readyz')) === 200);
  const awa = await Visitor.enter(scope, instance, 'Awa', { path: '/chat/' });
  await awa.say('inside');
  await awa.sees('inside');
  await find(awa, 'garden');
  await awa.page.keyboard.press('Enter');
  await title(awa).getByText('garden').waitFor();
  assert.equal(new URL(awa.page.url()).pathname, '/chat/r/garden');
  await awa.page.reload();
  await roomLink(awa, 'general').click();
  await awa.sees('inside');
  assert.equal(new URL(awa.page.url()).pathname, '/chat/');
  assert.deepEqual(awa.errors, []);
});

test('language and colours are chosen once', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const awa = await Visitor.enter(scope, instance, 'Awa');
  const ground = () => awa.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await awa.page.getByRole('button', { name: awa.words.me }).click();
  await awa.page.getByRole('radio', { name: 'Dark' }).check();
  await until('it is dark', async () => (await ground()) !== light);
  await awa.page.getByRole('radio', { name: 'Français' }).check();
  await awa.page.getByLabel('Votre message').waitFor();
  await awa.page.reload();
  await awa.page.getByLabel('Votre message').waitFor();
  assert.notEqual(await ground(), light);
  assert.equal(await awa.page.locator('html').getAttribute('lang'), 'fr');
  assert.deepEqual(awa.errors, []);
});
