// Keys that do something wherever one is on the page.

import { palabre } from "./connection.ts";
import { openKey } from "./conversation.ts";
import { open, sheet } from "./panels.ts";
import { mine } from "./rooms.ts";
import { go } from "./route.ts";

addEventListener("keydown", (event) => {
  if (palabre.peek() === undefined || sheet.peek() !== undefined || event.isComposing) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const command = event.ctrlKey || event.metaKey;
  if (command && !event.altKey && !event.shiftKey && key === "k") {
    event.preventDefault();
    open("find");
  } else if (event.altKey && !command && (key === "ArrowDown" || key === "ArrowUp")) {
    event.preventDefault();
    goTo(key === "ArrowDown" ? 1 : -1);
  } else if (key === "?" && !command && !isWriting(event.target)) {
    event.preventDefault();
    open("help");
  }
});

/** Goes to the next room of the list, or the one before. */
function goTo(by: number): void {
  const keys = mine.peek().map((row) => row.key);
  const at = keys.indexOf(openKey.peek() ?? "");
  const next = keys[(at + by + keys.length) % keys.length];
  if (next !== undefined) go(next);
}

function isWriting(target: EventTarget | null): boolean {
  if (target instanceof HTMLTextAreaElement) return true;
  return target instanceof HTMLInputElement && target.type === "text";
}
