// Reading on the page: where it begins, that it never jumps, and that all of a long log is there.

import assert from 'node:assert/strict';
import { Member } from '../lib/clients.js';
import { ready } from '../lib/palabre.js';
import { Visitor } from '../lib/page.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

/** Messages of the long log; `PALABRE_LONG=50000` for a really long one. */
const LONG = Number(process.env.PALABRE_LONG ?? 2_000);
const DRAWN_MAX = 300;
const AT_ONCE = 100;

/** What somebody says who talks much; some messages are longer than others. */
const textOf = (n) => `word ${n}${n % 5 === 0 ? ' and what there is to say about it'.repeat(9) : ''}`;

/** Says the messages `from` to `to`, many at once, in their order. */
async function talk(member, from, to) {
  for (let n = from; n <= to; n += AT_ONCE) {
    const count = Math.min(AT_ONCE, to - n + 1);
    const answers = Array.from({ length: count }, (_, i) => member.send(textOf(n + i)));
    for (const answer of await Promise.all(answers)) assert.ok(answer.ok, JSON.stringify(answer));
  }
}

async function talker(scope, instance) {
  const member = await Member.connect(scope, instance, { name: 'Mathis', transport: 'websocket' });
  await member.must('join', { room: 'general' });
  return member;
}

const reading = ['--ephemeral', '--rate-limit', 'none'];

test('a room opens where reading ended, and counts what is below', async (scope) => {
  const instance = await ready(scope, reading);
  const mathis = await talker(scope, instance);
  const awa = await Visitor.enter(scope, instance, 'Awa');
  await talk(mathis, 1, 30);
  await awa.sees(textOf(30));
  await awa.isAtEnd();
  assert.equal(await awa.newLine.count(), 0, 'nothing is new to who was there');
  await awa.leave();
  await talk(mathis, 31, 90);

  await awa.comeBack();
  await awa.newLine.waitFor();
  const line = (await awa.newLine.boundingBox()).y;
  const last = await awa.topOf(textOf(30));
  const first = await awa.topOf(textOf(31));
  assert.ok(last < line && line < first, 'the line is between what was read and what was not');
  const log = await awa.log.boundingBox();
  assert.ok(line > log.y && line < log.y + log.height / 2, 'and it is seen, in the upper half');
  const count = async () => Number(/\d+/.exec(await awa.toNewest.textContent())?.[0]);
  await until('what is below is counted', async () => (await count()) > 20);
  const before = await count();
  await talk(mathis, 91, 93);
  await until('what comes in is counted too', async () => (await count()) === before + 3);
  assert.equal((await awa.newLine.boundingBox()).y, line, 'and moves nothing');

  assert.deepEqual(await awa.barriers(), []);
  await awa.toNewest.click();
  await awa.isAtEnd();
  await until('nothing is left to count', async () => (await awa.toNewest.count()) === 0);
  await awa.leave();
  await awa.comeBack();
  await awa.sees(textOf(93));
  await awa.isAtEnd();
  assert.equal(await awa.newLine.count(), 0, 'all of it was read');
  assert.deepEqual(awa.errors, []);
});

test('what comes in while one enters is not marked as missed', async (scope) => {
  const instance = await ready(scope, reading);
  const mathis = await talker(scope, instance);
  const awa = await Visitor.arrive(scope, instance);
  // The page draws the room only once all of them have come in.
  await awa.page.clock.install();
  await awa.page.clock.pauseAt(Date.now() + 60_000);
  const entered = awa.comeIn('Awa');
  await until('Awa is in the room', async () => {
    return (await mathis.must('who', { room: 'general' })).members.length === 2;
  });
  await talk(mathis, 1, 30);
  await awa.page.clock.resume();
  await entered;
  await awa.sees(textOf(30));
  assert.equal(await awa.newLine.count(), 0);
  assert.deepEqual(awa.errors, []);
});

test('what is read stays where it is; sending goes to the end', async (scope) => {
  const instance = await ready(scope, reading);
  const mathis = await talker(scope, instance);
  await talk(mathis, 1, 400);
  const awa = await Visitor.enter(scope, instance, 'Awa');
  await awa.sees(textOf(400));
  await awa.isAtEnd();
  await talk(mathis, 401, 403);
  await awa.sees(textOf(403));
  await awa.isAtEnd();

  const oldest = () => awa.log.getByRole('article').first().getAttribute('data-offset');
  const firstOffset = Number(await oldest());
  await awa.log.hover();
  await awa.page.mouse.wheel(0, -300);
  await restingPlace(awa);
  assert.equal(Number(await oldest()), firstOffset, 'there is nothing to fetch yet');
  // Near enough to what is loaded that more is fetched, and not as far as its beginning.
  const place = await awa.log.evaluate((log) => {
    log.scrollTop = 600;
    const { y, height } = log.getBoundingClientRect();
    const articles = [...log.querySelectorAll('article')];
    const seen = articles.find((one) => one.getBoundingClientRect().y > y + height / 2);
    const { y: top } = seen.getBoundingClientRect();
    return { text: seen.querySelector('.text').textContent, top };
  });
  await until('older messages came', async () => Number(await oldest()) < firstOffset);
  assert.equal(await awa.topOf(place.text), place.top, 'and moved nothing');
  await talk(mathis, 404, 440);
  await until('new ones are counted', async () => /37/.test(await awa.toNewest.textContent()));
  assert.equal(await awa.topOf(place.text), place.top, 'and moved nothing either');

  await awa.say('here is the end');
  await awa.sees('here is the end');
  await awa.isAtEnd();
  assert.deepEqual(awa.errors, []);
});

test('a link to a message shows that message, and an answer leads to what it answers', async (scope) => {
  const instance = await ready(scope, reading);
  const mathis = await talker(scope, instance);
  await talk(mathis, 1, 600);
  const [{ epoch }] = mathis.entries;
  const replyTo = { epoch, offset: 301 };
  await mathis.must('send', { room: 'general', id: 'an-answer', text: 'to that', replyTo });
  const awa = await Visitor.enter(scope, instance, 'Awa', { path: `/#200-${epoch}` });
  const isShown = (text) =>
    until(`"${text}" has the focus and is seen`, async () => {
      const focused = await awa.message(text).evaluate((one) => one === document.activeElement);
      const log = await awa.log.boundingBox();
      const top = await awa.topOf(text);
      return focused && top > log.y && top < log.y + log.height;
    });
  await isShown(textOf(200));
  await awa.toNewest.click();
  await awa.sees('to that');
  await awa.isAtEnd();
  await awa.message('to that').getByRole('button', { name: 'Show what this answers' }).click();
  await isShown(textOf(301));
  await awa.say('seen');
  await awa.sees('seen');
  await awa.isAtEnd();
  assert.deepEqual(awa.errors, []);
});

/** A message in the middle of the screen, once the wheel's turn is over. */
async function restingPlace(visitor) {
  let last;
  const look = () =>
    visitor.log.evaluate((log) => {
      const box = log.getBoundingClientRect();
      const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
      const article = at?.closest('article') ?? log.querySelector('article');
      const { y } = article.getBoundingClientRect();
      return { text: article.querySelector('.text').textContent, top: y };
    });
  return until('the wheel has come to rest', async () => {
    const now = await look();
    const rests = last?.text === now.text && last.top === now.top;
    last = now;
    return rests && now;
  });
}

test(`a log of ${LONG} messages can be read up to its beginning and down again`, async (scope) => {
  const keep = ['--room-entries', `${LONG + 1_000}`];
  const instance = await ready(scope, [...reading, ...(LONG > 10_000 ? keep : [])]);
  await talk(await talker(scope, instance), 1, LONG);
  const awa = await Visitor.enter(scope, instance, 'Awa');
  await awa.sees(textOf(LONG));

  const shown = () =>
    awa.log.evaluate((log) => {
      const rows = [...log.querySelectorAll('[data-offset]')];
      return rows.map((row) => Number(row.dataset.offset));
    });
  const scroll = (to) => awa.log.evaluate((log, to) => log.scrollTo({ top: to }), to);
  const seen = new Set();
  const look = async () => {
    const offsets = await shown();
    const isWhole = offsets.every((offset, i) => i === 0 || offset === offsets[i - 1] + 1);
    assert.ok(isWhole, `there is a hole between ${offsets[0]} and ${offsets.at(-1)}`);
    assert.ok(offsets.length <= DRAWN_MAX, `${offsets.length} are drawn at once`);
    for (const offset of offsets) seen.add(offset);
    return offsets;
  };
  await until('the beginning is reached', async () => {
    await scroll(0);
    return (await look())[0] === 1;
  }, 600_000);
  await awa.reads('The conversation begins here.');
  assert.equal(seen.size, LONG, 'every message was seen on the way up');

  seen.clear();
  await look();
  await until('the end is reached', async () => {
    await scroll(1e9);
    return (await look()).at(-1) === LONG;
  }, 600_000);
  assert.equal(seen.size, LONG, 'every message was seen on the way down');
  await scroll(1e9);
  await awa.isAtEnd();
  assert.deepEqual(awa.errors, []);
});
