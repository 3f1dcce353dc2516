// Going from message to message with the keyboard, once the log has the focus.

/** How many messages a key goes forward. */
const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

/** Arrows or J and K go through the messages; Escape goes back to writing. */
export function stepThrough(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const log = event.currentTarget;
  if (!(log instanceof HTMLElement)) return;
  if (event.key === "Escape") {
    document.getElementById("composer")?.focus();
    return;
  }
  const step = STEPS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (step === undefined) return;
  const all = [...log.querySelectorAll<HTMLElement>("article")];
  const at = all.findIndex((article) => article.contains(document.activeElement));
  const next = at === -1 ? all.at(step > 0 ? 0 : -1) : all[at + step];
  event.preventDefault();
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}
