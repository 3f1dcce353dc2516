// Takes the pictures of the documentation: `npm run pictures`. A conversation of three people, in
// every look; docs/images gets the ones that are shown, e2e/out the others.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ready } from './lib/palabre.js';
import { Visitor } from './lib/page.js';
import { Scope } from './lib/test.js';

const SHOWN = fileURLToPath(new URL('../docs/images/', import.meta.url));
const OTHERS = fileURLToPath(new URL('./out/', import.meta.url));

const TALK = [
  ['Awa', 'The library opens at nine tomorrow. Who brings the projector?'],
  ['Awa', 'And somebody should test the microphone before the children come.'],
  ['Mathis', 'I have the projector. It is in the car already.'],
  ['Binta', 'Then I take the microphone, and a long cable.'],
  ['Mathis', 'Last time we needed three metres more than we had.'],
  ['Binta', 'Ten metres, then. I learned from that evening.'],
  ['Awa', 'Thank you both. I print the programme tonight: https://example.org/programme'],
  ['Mathis', 'See you under the tree at half past eight 🌳'],
];

const LOOKS = [
  { name: 'page', width: 1280, height: 832, folder: SHOWN },
  { name: 'phone-dark', width: 390, height: 780, colorScheme: 'dark', folder: SHOWN },
  { name: 'french', width: 1280, height: 760, locale: 'fr', folder: OTHERS },
  { name: 'wide-dark', width: 2560, height: 1200, colorScheme: 'dark', folder: OTHERS },
  { name: 'narrow', width: 320, height: 640, folder: OTHERS },
  { name: 'tablet', width: 768, height: 1024, folder: OTHERS },
];

const scope = new Scope();
try {
  await Promise.all([SHOWN, OTHERS].map((folder) => mkdir(folder, { recursive: true })));
  const instance = await ready(scope, ['--ephemeral', '--instance', 'palabre-1']);
  const people = new Map();
  for (const [name, text] of TALK) {
    if (!people.has(name)) people.set(name, await Visitor.enter(scope, instance, name));
    const person = people.get(name);
    await person.say(text);
    await person.sees(text.replace(/ https:.*/, ' https://example.org/programme'));
  }
  for (const { name, folder, ...look } of LOOKS) {
    const { width, height, colorScheme = 'light', locale = 'en' } = look;
    const options = { locale, colorScheme, viewport: { width, height } };
    const visitor = await Visitor.enter(scope, instance, 'Salif', options);
    await visitor.sees(TALK.at(-1)[1]);
    await visitor.page.screenshot({ path: `${folder}${name}.png` });
  }
} finally {
  await scope.close();
}
