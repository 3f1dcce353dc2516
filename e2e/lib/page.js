// The chat page as a person meets it: found by what it says, not by how it is made.

import axe from 'axe-core';
import { browser } from './browser.js';
import { until } from './waiting.js';

/** The words of the page that the tests rely on. */
const WORDS = {
  en: {
    name: /call you/,
    enter: 'Come in',
    composer: 'Your message',
    rooms: 'Rooms',
    find: 'Find or make a room',
    people: /who is here/,
    me: /you and the connection/,
    close: 'Close',
    newest: /new message|Back to the newest/,
    isNew: 'New',
  },
  fr: {
    name: /appelle-t-on/,
    enter: 'Entrer',
    composer: 'Votre message',
    rooms: 'Salons',
    find: 'Trouver ou créer un salon',
    people: /qui est là/,
    me: /vous et la connexion/,
    close: 'Fermer',
    newest: /nouveaux? messages?|Revenir à la fin/,
    isNew: 'Nouveau',
  },
};

/** A phone, as far as the page can tell. */
export const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };

export class Visitor {
  /** Whatever went wrong in the page: exceptions, refused resources, broken rules of its policy. */
  errors = [];

  /** Somebody with a browser of their own comes to the page for the first time. */
  static async arrive(scope, instance, { locale = 'en', path = '/', ...look } = {}) {
    const visitor = new Visitor();
    visitor.words = WORDS[locale];
    visitor.instance = instance;
    visitor.context = await browser(scope, { locale, ...look });
    await visitor.#open(path);
    return visitor;
  }

  /** As `arrive`, and gives a name. */
  static async enter(scope, instance, name, options) {
    const visitor = await Visitor.arrive(scope, instance, options);
    await visitor.comeIn(name);
    return visitor;
  }

  async comeIn(name) {
    await this.page.getByLabel(this.words.name).fill(name);
    await this.page.getByRole('button', { name: this.words.enter }).click();
    await this.#isIn();
  }

  /** In a conversation, or before its closed door. */
  #isIn() {
    return this.log.or(this.page.getByRole('alert')).first().waitFor();
  }

  /** Closes the page's window, and gives what it takes to open it again. */
  async leave() {
    await this.page.close();
  }

  /** Comes back with what the browser has kept. */
  async comeBack(path = '/') {
    await this.#open(path);
    await this.#isIn();
  }

  async #open(path) {
    this.page = await this.context.newPage();
    this.#watch();
    await this.page.goto(this.instance.url + path);
  }

  #watch() {
    this.page.on('pageerror', (error) => this.errors.push(error.message));
    this.page.on('dialog', (dialog) => this.errors.push(`a dialog: ${dialog.message()}`));
    this.page.on('console', (message) => {
      // While the server is away the browser itself reports every attempt.
      const isNetwork = /net::|WebSocket connection|status of 5/.test(message.text());
      if (message.type() === 'error' && !isNetwork) this.errors.push(message.text());
    });
  }

  get composer() {
    return this.page.getByLabel(this.words.composer);
  }

  get log() {
    return this.page.getByRole('log');
  }

  /** The list of rooms: beside the conversation, or on a sheet that is open. */
  get rooms() {
    return this.page.getByRole('navigation', { name: this.words.rooms });
  }

  get toNewest() {
    return this.page.getByRole('button', { name: this.words.newest });
  }

  get newLine() {
    return this.log.getByRole('heading', { name: this.words.isNew, exact: true });
  }

  async say(text) {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** The message of these words. */
  message(text) {
    return this.log.getByRole('article').filter({ has: this.page.getByText(text, { exact: true }) });
  }

  /** Goes into a room and back to where one was. */
  async join(room) {
    const other = await this.context.newPage();
    await other.goto(`${this.instance.url}/r/${room}`);
    await other.getByRole('button', { name: this.words.people }).waitFor();
    await other.close();
  }

  /** Waits until this message is in the conversation. */
  sees(text) {
    return this.log.getByRole('article').getByText(text, { exact: true }).waitFor();
  }

  /** Waits until the page says this, somewhere. */
  reads(text) {
    return this.page.getByText(text).first().waitFor();
  }

  /** Waits until nothing is on its way or waiting. */
  hasSentAll() {
    const unsent = this.log.locator('.unsent');
    return until('all is sent', async () => (await unsent.count()) === 0);
  }

  /** The texts of the conversation, from top to bottom. */
  texts() {
    return this.log.getByRole('article').locator('.text').allTextContents();
  }

  /** How far the log is from its end, in pixels. */
  below() {
    return this.log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);
  }

  /** Waits until the log has come to rest at its end. */
  isAtEnd() {
    return until('the log is at its end', async () => (await this.below()) <= 1);
  }

  /** Where a message is on the screen. */
  async topOf(text) {
    return (await this.message(text).first().boundingBox()).y;
  }

  /** What keeps people with some disability from using the page as it is now; `[]` is right. */
  async barriers() {
    await this.settled();
    await this.page.evaluate(axe.source);
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await this.page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), tags);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((one) => one.html).join(' ')}`);
  }

  /** Waits until nothing is moving or fading any more, except what goes on for ever. */
  settled() {
    return this.page.evaluate(async () => {
      const passing = document.getAnimations().filter((one) => {
        return one.effect?.getComputedTiming().iterations !== Number.POSITIVE_INFINITY;
      });
      await Promise.allSettled(passing.map((one) => one.finished));
    });
  }
}
