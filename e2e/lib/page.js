// The chat page as a person meets it: found by what it says, not by how it is made.

import { browser } from './browser.js';

/** The words of the page that the tests rely on. */
const WORDS = {
  en: { name: /call you/, enter: 'Come in', composer: 'Your message' },
  fr: { name: /appelle-t-on/, enter: 'Entrer', composer: 'Votre message' },
};

export class Visitor {
  /** Whatever went wrong in the page: exceptions, refused resources, broken rules of its policy. */
  errors = [];

  /** Somebody with a browser of their own comes to the page for the first time and gives a name. */
  static async enter(scope, instance, name, { locale = 'en', path = '/', ...look } = {}) {
    const visitor = new Visitor();
    visitor.words = WORDS[locale];
    visitor.page = await (await browser(scope, { locale, ...look })).newPage();
    visitor.#watch();
    await visitor.page.goto(instance.url + path);
    await visitor.page.getByLabel(visitor.words.name).fill(name);
    await visitor.page.getByRole('button', { name: visitor.words.enter }).click();
    await visitor.composer.waitFor();
    return visitor;
  }

  #watch() {
    this.page.on('pageerror', (error) => this.errors.push(error.message));
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

  async say(text) {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** Waits until this message is in the conversation. */
  sees(text) {
    return this.log.getByRole('article').getByText(text, { exact: true }).waitFor();
  }

  /** The texts of the conversation, from top to bottom. */
  texts() {
    return this.log.getByRole('article').locator('.text').allTextContents();
  }
}
