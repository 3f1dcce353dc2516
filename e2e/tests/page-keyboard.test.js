// The whole page by keyboard alone; the focus is always somewhere.

import assert from 'node:assert/strict';
import { Member } from '../lib/clients.js';
import { ready } from '../lib/palabre.js';
import { PHONE, Visitor } from '../lib/page.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

/** What has the focus, in a few words. */
function focused(visitor) {
  return visitor.page.evaluate(() => {
    const at = document.activeElement;
    if (at === document.body || at === null) return 'nothing';
    return at.closest('article')?.querySelector('.text')?.textContent ?? (at.id || at.className);
  });
}

const focusIs = (visitor, what) =>
  until(`the focus is on ${what}`, async () => (await focused(visitor)) === what);

test('one comes in, reads, answers, copies and gets help without a mouse', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const mathis = await Member.connect(scope, instance, { name: 'Mathis' });
  await mathis.must('join', { room: 'general' });
  for (const text of ['one', 'two', 'three']) await mathis.send(text);
  const permissions = ['clipboard-read', 'clipboard-write'];
  const awa = await Visitor.arrive(scope, instance, { permissions });
  const press = async (...keys) => {
    for (const key of keys) await awa.page.keyboard.press(key);
  };
  const type = (text) => awa.page.keyboard.type(text);

  await type('Awa');
  await press('Enter');
  await focusIs(awa, 'composer');
  await awa.sees('three');
  await press('ArrowUp');
  await focusIs(awa, 'three');
  await press('k');
  await focusIs(awa, 'two');
  await press('ArrowUp', 'ArrowUp', 'ArrowUp');
  await focusIs(awa, 'one');
  await press('End');
  await focusIs(awa, 'three');
  await press('Home', 'j', 'c');
  const clipboard = () => awa.page.evaluate(() => navigator.clipboard.readText());
  await until('the text is copied', async () => (await clipboard()) === 'two');
  await press('l');
  await until('the link is copied', async () => (await clipboard()).startsWith(instance.url));

  await press('r');
  await focusIs(awa, 'composer');
  await awa.reads(/You answer .*Mathis/);
  await type('to that, yes?');
  await press('Enter');
  await awa.sees('to that, yes?');
  await awa.message('to that, yes?').getByText('two', { exact: true }).waitFor();
  await focusIs(awa, 'composer');

  await press('ArrowUp', '?');
  await awa.page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await press('Escape');
  await focusIs(awa, 'to that, yes?');
  await press('Escape');
  await focusIs(awa, 'composer');
  await type('?');
  assert.equal(await awa.composer.inputValue(), '?', 'in the composer it is a letter');
  assert.deepEqual(awa.errors, []);
});

/** Where the tabulator stops, up to the end of the page. */
async function stopsOf(visitor) {
  const stops = [];
  while (stops.length < 40) {
    await visitor.page.keyboard.press('Tab');
    const stop = await visitor.page.evaluate(() => {
      const at = document.activeElement;
      if (at === document.body) return null;
      const { width, height } = at.getBoundingClientRect();
      const shown = getComputedStyle(at).outlineStyle !== 'none' || at.matches('textarea, input');
      return { what: at.id || at.className, seen: width > 0 && height > 0 && shown };
    });
    if (stop === null) break;
    stops.push(stop);
  }
  return stops;
}

test('every stop of the tabulator can be seen, and the first leads over the rooms', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const awa = await Visitor.enter(scope, instance, 'Awa');
  await awa.say('hello');
  await awa.sees('hello');
  await awa.page.reload();
  await awa.sees('hello');
  await stopsOf(awa); // to the end of the page
  const stops = await stopsOf(awa);
  assert.equal(stops[0]?.what, 'skip');
  assert.ok(stops.some(({ what }) => what === 'composer'), JSON.stringify(stops));
  assert.deepEqual(stops.filter(({ seen }) => !seen), []);
  await awa.page.evaluate(() => document.querySelector('.skip').focus());
  await awa.page.keyboard.press('Enter');
  await focusIs(awa, 'log');
});

test('a sheet keeps the focus while it is open, and gives it back', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const awa = await Visitor.enter(scope, instance, 'Awa', PHONE);
  const opener = awa.page.getByRole('button', { name: awa.words.rooms });
  await opener.focus();
  await awa.page.keyboard.press('Enter');
  await awa.rooms.waitFor();
  for (let i = 0; i < 12; i += 1) {
    await awa.page.keyboard.press('Tab');
    const outside = await awa.page.evaluate(() => {
      const at = document.activeElement;
      return at !== document.body && at.closest('dialog') === null;
    });
    assert.equal(outside, false, 'the focus stays on the sheet');
  }
  await awa.page.keyboard.press('Escape');
  await awa.rooms.waitFor({ state: 'hidden' });
  await until('the focus is back', () => opener.evaluate((one) => one === document.activeElement));
  assert.deepEqual(awa.errors, []);
});
