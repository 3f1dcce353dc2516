// Saying that one is writing: said at once, renewed while it goes on, and never more often than
// once a second, whatever the keyboard does. Nothing of it is ever repeated or kept.

import type { Later } from "./later.ts";

/** Between two sayings there is at least so much time. */
export const TYPING_REST_MS = 1_000;

/** After so many rests what goes on is said again: every 3 seconds. */
export const TYPING_RENEW_RESTS = 3;

/** After so many rests without a word of the caller's, nobody is writing any more. */
export const TYPING_RESTS_MAX = 30;

/** Whether we are writing, as we say it. */
export class Typing {
  readonly #tell: (on: boolean) => void;
  readonly #later: Later;
  #wanted = false;
  #told = false;
  /** Since the caller's last word, and since ours. */
  #rests = { wanted: 0, told: 0 };
  #callOff: (() => void) | undefined;

  constructor(tell: (on: boolean) => void, later: Later) {
    this.#tell = tell;
    this.#later = later;
  }

  /** We are writing, or no longer. */
  set(on: boolean): void {
    this.#wanted = on;
    this.#rests.wanted = 0;
    if (this.#callOff === undefined) this.#next();
  }

  /** Nobody listens any more. */
  lost(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#wanted = false;
    this.#told = false;
  }

  #next(): void {
    this.#callOff = undefined;
    if (this.#rests.wanted >= TYPING_RESTS_MAX) this.#wanted = false;
    const due = this.#wanted && this.#rests.told >= TYPING_RENEW_RESTS;
    if (this.#wanted !== this.#told || due) {
      this.#told = this.#wanted;
      this.#rests.told = 0;
      this.#tell(this.#told);
    } else if (!this.#wanted) {
      return;
    }
    this.#callOff = this.#later(TYPING_REST_MS, () => {
      this.#rests.wanted += 1;
      this.#rests.told += 1;
      this.#next();
    });
  }
}
