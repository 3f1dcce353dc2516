// What the reader's device is like.

import { type ReadonlySignal, signal } from "@preact/signals";

/** Whether there is a mouse, and so a keyboard that need not be called up over the page. */
export const hasKeyboard = matchMedia("(hover: hover) and (pointer: fine)").matches;

/** Whether the rooms have a column of their own; otherwise they are on a sheet. */
export const hasRoomsColumn = whether("(width >= 45rem)");

/** Whether the people may have one too. */
export const hasPeopleColumn = whether("(width >= 56.25rem)");

/**
 * Where the focus goes when what had it is gone: to writing, unless that would call up a keyboard.
 */
export function focusBack(): void {
  const writing = hasKeyboard ? document.getElementById("composer") : null;
  (writing ?? document.getElementById("log"))?.focus({ preventScroll: true });
}

function whether(query: string): ReadonlySignal<boolean> {
  const media = matchMedia(query);
  const is = signal(media.matches);
  media.addEventListener("change", () => {
    is.value = media.matches;
  });
  return is;
}
