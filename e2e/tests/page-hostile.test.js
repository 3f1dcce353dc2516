// What people with bad intentions write harms neither the page nor what stands around it.

import assert from 'node:assert/strict';
import { Member } from '../lib/clients.js';
import { ready } from '../lib/palabre.js';
import { Visitor } from '../lib/page.js';
import { test } from '../lib/test.js';

const MARKS = '\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b';
const FAMILY = '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}';

const HOSTILE = {
  html: '<img src=x onerror=alert(1)><script>alert(2)</script><style>*{display:none}</style>',
  attributes: '"><svg/onload=alert(3)> javascript:alert(4) https://x.example/"onmouseover="alert(5)',
  bidi: '\u202eabc \u2067שלום\u2066 \u202a\u202b\u202c\u202d never closed',
  zeroWidth: `${'\u200b\u200c\u200d\u2060\ufeff'.repeat(700)}nothing to see`,
  longWord: 'W'.repeat(4_000),
  longAddress: `https://example.org/${'a'.repeat(3_000)}?${'b'.repeat(900)}`,
  rightToLeft: 'مرحبا بكم في القرية، كيف حالكم اليوم؟ 123 (abc)',
  emoji: `${FAMILY}\u{1f3f3}\ufe0f\u200d\u{1f308}\u{1f44d}\u{1f3fd}`.repeat(90),
  towers: `Z${MARKS.repeat(20)}a${MARKS.repeat(20)}lgo`,
  lines: `a${'\n'.repeat(300)}b`,
  wide: '\ufdfd\u{12031}'.repeat(60),
};

test('hostile messages harm neither the page nor their neighbours', async (scope) => {
  const instance = await ready(scope, ['--ephemeral', '--rate-limit', 'none']);
  const name = `<b>${'\u{12031}'.repeat(10)}${'W'.repeat(20)}`;
  const mallory = await Member.connect(scope, instance, { name });
  await mallory.must('join', { room: 'general' });
  for (const [kind, text] of Object.entries(HOSTILE)) {
    for (const one of [`before ${kind}`, text, `after ${kind}`]) {
      const answer = await mallory.send(one);
      assert.ok(answer.ok, `${kind}: ${JSON.stringify(answer)}`);
    }
  }
  for (const width of [320, 1280]) {
    const viewport = { width, height: 720 };
    const awa = await Visitor.enter(scope, instance, 'Awa', { viewport });
    await awa.sees('after wide');
    const said = await awa.texts();
    assert.equal(said.length, 3 * Object.keys(HOSTILE).length);
    for (const [kind, text] of Object.entries(HOSTILE)) {
      assert.ok(said.includes(text), `${kind} is shown as it was written`);
    }
    assert.deepEqual(await overflowing(awa), [], `${width} px: nothing is wider than the page`);
    assert.deepEqual(await overlapping(awa), [], `${width} px: nobody stands on another`);
    assert.equal(await awa.page.evaluate(() => document.scripts.length), 2, 'no script is added');
    await awa.composer.click();
    assert.deepEqual(await awa.barriers(), []);
    assert.deepEqual(awa.errors, [], 'no dialog, no exception, no broken rule');
  }
});

/** What has to be scrolled sideways, although nothing should. */
function overflowing(visitor) {
  return visitor.page.evaluate(() => {
    const parts = [document.documentElement, ...document.querySelectorAll('#log, .rows, .head')];
    const tooWide = parts.filter((part) => part.scrollWidth > part.clientWidth + 1);
    return tooWide.map((part) => `${part.className}: ${part.scrollWidth} > ${part.clientWidth}`);
  });
}

/** Messages whose words reach into the message before or are cut off, as far as boxes tell. */
function overlapping(visitor) {
  return visitor.page.evaluate(() => {
    const articles = [...document.querySelectorAll('#log article')];
    const log = document.querySelector('#log').getBoundingClientRect();
    return articles.flatMap((article, i) => {
      const text = article.querySelector('.text');
      const before = articles[i - 1]?.getBoundingClientRect();
      const box = article.getBoundingClientRect();
      const clips = getComputedStyle(text).overflowY !== 'visible';
      const apart = (before?.bottom ?? log.top - 1e9) <= box.top + 1;
      const inside = text.getBoundingClientRect().right <= log.right;
      const whole = text.scrollWidth <= text.clientWidth + 1;
      return apart && inside && whole && clips ? [] : [text.textContent.slice(0, 40)];
    });
  });
}
