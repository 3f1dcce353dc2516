// What the reader's device is like.

/** Whether there is a mouse, and so a keyboard that need not be called up over the page. */
export const hasKeyboard = matchMedia("(hover: hover) and (pointer: fine)").matches;
