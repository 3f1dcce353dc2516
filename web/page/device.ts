// What the reader's device is like.

/** Whether there is a mouse, and so a keyboard that need not be called up over the page. */
export const hasKeyboard = matchMedia("(hover: hover) and (pointer: fine)").matches;

/**
 * Where the focus goes when what had it is gone: to writing, unless that would call up a keyboard.
 */
export function focusBack(): void {
  document.getElementById(hasKeyboard ? "composer" : "log")?.focus({ preventScroll: true });
}
