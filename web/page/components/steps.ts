// Going from message to message with the keyboard, once the log has the focus.

import { actOn } from "./actions.tsx";

/** How many messages a key goes forward. */
const STEPS: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  j: 1,
  ArrowUp: -1,
  k: -1,
};

/**
 * Arrows or J and K go through the messages, Home and End to the ends of what is loaded; letters
 * act on the message that has the focus; Escape goes back to writing.
 */
export function stepThrough(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const log = event.currentTarget;
  if (!(log instanceof HTMLElement)) return;
  if (event.key === "Escape") {
    document.getElementById("composer")?.focus();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const all = [...log.querySelectorAll<HTMLElement>("article")];
  const at = all.findIndex((article) => article.contains(document.activeElement));
  const next = target(key, all, at);
  if (next !== undefined) {
    event.preventDefault();
    toMessage(next);
  } else if (at >= 0 && actOn(all[at]?.dataset.key ?? "", key)) {
    event.preventDefault();
  }
}

/** From writing to the newest message. */
export function focusNewest(): void {
  const newest = document.querySelector<HTMLElement>("#log article:last-of-type");
  if (newest !== null) toMessage(newest);
}

function target(key: string, all: readonly HTMLElement[], at: number): HTMLElement | undefined {
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  const step = STEPS[key];
  if (step === undefined) return undefined;
  return at === -1 ? all.at(step > 0 ? 0 : -1) : (all[at + step] ?? all[at]);
}

function toMessage(article: HTMLElement): void {
  article.focus({ preventScroll: true });
  article.scrollIntoView({ block: "nearest" });
}
