// A test with a scope: what it starts is ended in reverse order, and when it fails, the last lines
// of every program that it started are shown.

import { test as nodeTest } from 'node:test';

const TEST_MS_MAX = 300_000;

/** Collects what must be undone, and what helps to understand a failure. */
export class Scope {
  #undo = [];
  #notes = [];

  /** `undo` runs when the test ends, before what was deferred earlier. */
  defer(undo) {
    this.#undo.push(undo);
  }

  /** `text()` is shown under the heading when the test fails. */
  note(heading, text) {
    this.#notes.push({ heading, text });
  }

  report() {
    for (const { heading, text } of this.#notes) {
      console.error(`--- ${heading}\n${text()}`);
    }
  }

  async close() {
    const errors = [];
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'could not clean up');
  }
}

/** Defines a test: `body(scope)`. */
export function test(name, body) {
  nodeTest(name, { timeout: TEST_MS_MAX }, async () => {
    const scope = new Scope();
    try {
      await body(scope);
    } catch (error) {
      scope.report();
      throw error;
    } finally {
      await scope.close();
    }
  });
}
