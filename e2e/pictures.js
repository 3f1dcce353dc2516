// Takes pictures of the page in all its states: `npm run pictures`, or with the names of some of
// them. docs/images gets the ones that are shown, e2e/out the others.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Member } from './lib/clients.js';
import { ready } from './lib/palabre.js';
import { PHONE, Visitor } from './lib/page.js';
import { freePort, Redis } from './lib/redis.js';
import { Scope } from './lib/test.js';

const SHOWN = fileURLToPath(new URL('../docs/images/', import.meta.url));
const OTHERS = fileURLToPath(new URL('./out/', import.meta.url));

const TALK = [
  ['Awa Diop', 'The library opens at nine tomorrow. Who brings the projector?'],
  ['Awa Diop', 'And somebody should test the microphone before the children come.'],
  ['Mathis', 'I have the projector. It is in the car already.'],
  ['Binta', 'Then I take the microphone, and a long cable.'],
  ['Mathis', 'Last time we needed three metres more than we had.'],
  ['Binta', 'Ten metres, then. I learned from that evening.'],
  ['Awa Diop', 'Thank you both. I print the programme tonight: https://example.org/programme'],
  ['Mathis', 'See you under the tree at half past eight 🌳'],
];

const ROOMS = [
  ['garden', 'Garden', 'The tomatoes are ripe, take as many as you can carry.', 3],
  ['library', 'Library', 'Who has the second volume?', 0],
  ['school-run', 'School run', 'I can take four on Thursday.', 12],
  ['harbour', 'Harbour', 'The boat leaves at six.', 0],
];

const DESK = { viewport: { width: 1280, height: 800 } };
const NARROW = { viewport: { width: 320, height: 640 } };
const dark = { colorScheme: 'dark' };
const fr = { locale: 'fr' };

/** Each picture: in which look, and what is done before it is taken. */
const PICTURES = {
  page: { ...DESK, shown: true, set: busy },
  'page-dark': { ...DESK, ...dark, shown: true, set: busy },
  'phone-dark': { ...PHONE, ...dark, shown: true, set: phoneBusy },
  french: { ...DESK, ...fr, set: busy },
  phone: { ...PHONE, ...fr, set: phoneBusy },
  'phone-rooms': { ...PHONE, set: withSheet('rooms') },
  'phone-rooms-dark': { ...PHONE, ...dark, set: withSheet('rooms') },
  'phone-people': { ...PHONE, ...fr, set: withSheet('people') },
  narrow: { ...NARROW, set: phoneBusy },
  tablet: { viewport: { width: 768, height: 1024 }, set: busy },
  wide: { viewport: { width: 2560, height: 1300 }, ...dark, set: busy },
  landscape: { ...PHONE, viewport: { width: 780, height: 360 }, set: busy },
  zoomed: { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2, set: phoneBusy },
  contrast: { ...DESK, forcedColors: 'active', set: busy },
  'first-visit': { ...DESK, first: true },
  'first-visit-dark': { ...DESK, ...dark, ...fr, first: true, path: '/r/harbour' },
  'first-visit-phone': { ...PHONE, first: true },
  'first-visit-refused': { ...PHONE, ...fr, first: true, set: refusedName },
  empty: { ...DESK, path: '/r/attic' },
  'empty-phone': { ...PHONE, ...dark, ...fr, path: '/r/attic' },
  unread: { ...DESK, set: unread },
  'unread-phone': { ...PHONE, ...dark, ...fr, set: unread },
  menu: { ...DESK, set: menu },
  'menu-phone': { ...PHONE, ...dark, ...fr, set: menu },
  'room-menu': { ...DESK, path: '/r/garden', set: roomMenu },
  find: { ...DESK, set: find('') },
  make: { ...DESK, ...dark, ...fr, set: find('Jardin d’été') },
  'find-phone': { ...PHONE, set: find('') },
  help: { ...DESK, set: help },
  'help-phone': { ...PHONE, ...dark, ...fr, set: help },
  focused: { ...DESK, ...dark, set: focusedMessage },
  answering: { ...DESK, set: answering },
  long: { ...DESK, set: tooLong },
  'long-phone': { ...PHONE, ...fr, set: tooLong },
  refused: { ...DESK, path: '/r/%20', set: refusedRoom },
  private: { ...PHONE, ...fr, ...dark, path: '/r/hidden', set: refusedRoom },
  offline: { ...DESK, own: true, set: offline },
  'offline-phone': { ...PHONE, ...dark, ...fr, own: true, set: offline },
  degraded: { ...DESK, own: true, set: degraded },
  recovered: { ...DESK, own: true, set: recovered },
  reset: { ...PHONE, own: true, set: reset },
  noscript: { ...DESK, javaScriptEnabled: false, first: true },
};

async function busy({ visitor, people }) {
  await visitor.sees(TALK.at(-1)[1]);
  await joinRooms(visitor);
  await sayElsewhere(visitor, people[0]);
  await write(visitor, people[0]);
}

async function phoneBusy({ visitor, people }) {
  await visitor.sees(TALK.at(-1)[1]);
  await write(visitor, people[2], people[0]);
}

async function write(visitor, ...members) {
  for (const on of [false, true]) {
    for (const member of members) await member.must('typing', { room: 'general', on });
  }
  await visitor.reads(members.length > 1 ? /are typing|écrivent/ : /typing|écrit/);
}

function withSheet(name) {
  return async ({ visitor, people }) => {
    await visitor.sees(TALK.at(-1)[1]);
    if (name === 'rooms') await joinRooms(visitor);
    await visitor.page.getByRole('button', { name: visitor.words[name] }).click();
    await visitor.page.getByRole('dialog').waitFor();
    if (name === 'rooms') await sayElsewhere(visitor, people[0]);
  };
}

const joinRooms = (visitor) => Promise.all(['garden', 'school-run'].map((one) => visitor.join(one)));

async function sayElsewhere(visitor, member) {
  // Once a room's title is known it is joined, and what is said in it counts.
  for (const title of ['Garden', 'School run']) await visitor.rooms.getByText(title).waitFor();
  for (const [room, , , unreadCount] of ROOMS) {
    for (let n = 0; n < unreadCount; n += 1) await member.send(`One more thing, ${n}`, { room });
  }
  await visitor.rooms.getByText('12').first().waitFor();
}

async function refusedName({ visitor }) {
  await visitor.page.getByLabel(visitor.words.name).fill('…');
  await visitor.page.getByRole('button', { name: visitor.words.enter }).click();
  await visitor.page.getByRole('alert').filter({ hasText: /./ }).waitFor();
}

async function unread({ visitor, people }) {
  await visitor.sees(TALK.at(-1)[1]);
  await visitor.leave();
  for (let n = 1; n <= 14; n += 1) {
    await people[n % 3].send(`While you were away we went on talking, round ${n}.`);
  }
  await visitor.comeBack();
  await visitor.newLine.waitFor();
}

async function menu({ visitor }) {
  await visitor.say('Good evening, everyone.');
  await visitor.sees('Good evening, everyone.');
  const rooms = visitor.page.getByRole('button', { name: visitor.words.rooms, exact: true });
  if (await rooms.isVisible()) await rooms.click();
  await visitor.page.getByRole('button', { name: visitor.words.me }).click();
  await visitor.reads(/\d ms/);
}

async function roomMenu({ visitor }) {
  await visitor.page.getByRole('heading', { level: 1 }).getByRole('button').click();
}

function find(typed) {
  return async ({ visitor }) => {
    await visitor.page.keyboard.press('Control+k');
    await visitor.page.keyboard.type(typed);
  };
}

async function help({ visitor }) {
  await visitor.log.focus();
  await visitor.page.keyboard.press('?');
}

async function focusedMessage({ visitor }) {
  await visitor.sees(TALK.at(-1)[1]);
  await visitor.log.focus();
  for (const key of ['k', 'k']) await visitor.page.keyboard.press(key);
}

async function answering({ visitor }) {
  await visitor.sees(TALK.at(-1)[1]);
  await visitor.message(TALK[3][1]).focus();
  await visitor.page.keyboard.press('r');
  await visitor.say('The cable is in the school, on the shelf.');
  await visitor.sees('The cable is in the school, on the shelf.');
  await visitor.message(TALK[2][1]).focus();
  await visitor.page.keyboard.press('r');
  await visitor.composer.fill('Thank you!');
}

async function tooLong({ visitor }) {
  await visitor.composer.fill('And so on, and so on. '.repeat(183));
}

async function refusedRoom({ visitor }) {
  await visitor.page.getByRole('alert').waitFor();
}

async function offline({ visitor, instance }) {
  await visitor.say('Is everybody here?');
  await visitor.sees('Is everybody here?');
  await instance.program.stop('SIGKILL');
  await visitor.say('I will bring the tea.');
  await visitor.page.locator('.connection').getByText(/Reconne/).waitFor();
}

async function degraded({ visitor, redis }) {
  await visitor.say('Is everybody here?');
  await visitor.sees('Is everybody here?');
  redis.freeze();
  await visitor.say('I will bring the tea.');
  await visitor.reads(/held/);
}

async function recovered({ visitor, again, beside }) {
  await visitor.say('Is everybody here?');
  await visitor.sees('Is everybody here?');
  await again(async () => {
    const other = await Member.connect(visitor.scope, await beside(), { name: 'Binta' });
    await other.must('join', { room: 'general' });
    for (let n = 0; n < 4; n += 1) await other.send('We are.');
  });
  await visitor.reads(/up to date/);
}

async function reset({ visitor, again, redis }) {
  await visitor.say('Is everybody here?');
  await visitor.sees('Is everybody here?');
  await again(() => redis.ask('FLUSHALL'));
  await visitor.reads(/lost its past/);
}

const scope = new Scope();
try {
  await Promise.all([SHOWN, OTHERS].map((folder) => mkdir(folder, { recursive: true })));
  const wanted = process.argv.slice(2);
  const village = await settle();
  for (const [name, picture] of Object.entries(PICTURES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    await take(name, picture, village);
  }
} finally {
  await scope.close();
}

/** An instance with a conversation, some rooms, and people in them. */
async function settle() {
  const instance = await ready(scope, ['--ephemeral', '--rate-limit', 'none', '--instance', 'palabre-1']);
  const people = new Map();
  for (const [name, text] of TALK) {
    if (!people.has(name)) people.set(name, await member(instance, name));
    await people.get(name).send(text);
  }
  const [first] = people.values();
  for (const [room, title, last] of ROOMS) {
    await first.must('create', { room, title });
    await first.send(last, { room });
  }
  await first.must('create', { room: 'hidden', private: true });
  return { instance, people: [...people.values()] };
}

async function member(instance, name) {
  const one = await Member.connect(scope, instance, { name, transport: 'websocket' });
  await one.must('join', { room: 'general' });
  return one;
}

async function take(name, { shown, set, first, own, path, ...look }, village) {
  const inner = new Scope();
  try {
    const place = own ? await ownPlace(inner) : village;
    const { instance } = place;
    const visitor = await Visitor.arrive(inner, instance, { path, ...look });
    visitor.scope = inner;
    if (!first) await visitor.comeIn(look.locale === 'fr' ? 'Léa' : 'Salif');
    await set?.({ visitor, ...place });
    await visitor.page.mouse.move(0, 0);
    await visitor.settled();
    await visitor.page.screenshot({ path: `${shown ? SHOWN : OTHERS}${name}.png` });
    if (visitor.errors.length > 0) console.error(name, visitor.errors);
    console.log(name);
  } finally {
    await inner.close();
  }
}

/** An instance and a Redis that can be broken. */
async function ownPlace(inner) {
  const redis = await Redis.start(inner);
  const shared = ['--redis', redis.url, '--rate-limit', 'none'];
  const port = ['--port', `${await freePort()}`];
  const start = () => ready(inner, [...shared, ...port]);
  const beside = () => ready(inner, shared);
  const instance = await start();
  const again = async (between) => {
    await instance.program.stop('SIGKILL');
    await between?.();
    return start();
  };
  return { redis, instance, again, beside, people: [] };
}
