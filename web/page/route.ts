// Which room is open: the one in the page's address, else the lobby. Going from one to the other
// loads no page.

import { computed, signal } from "@preact/signals";
import { welcome } from "./connection.ts";
import { addressOf as addressUnder, roomOf } from "./parts/address.ts";

/** The path under which this Palabre lies. */
const base = new URL(document.baseURI).pathname;

const named = signal(roomOf(location.pathname, base));

addEventListener("popstate", () => {
  named.value = roomOf(location.pathname, base);
});

/** The room that everybody comes into. */
export const lobby = computed(() => {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="palabre-lobby"]')?.content;
  return welcome.value?.lobby ?? (meta || "general");
});

/** The open room; none before the server has told which one the lobby is. */
export const openRoom = computed(() => {
  if (named.value !== undefined) return named.value;
  return welcome.value === undefined ? undefined : lobby.value;
});

/** The address of a room. */
export const addressOf = (room: string): string =>
  room === lobby.value ? base : addressUnder(room, base);

/** Opens a room. */
export function go(room: string): void {
  history.pushState(null, "", addressOf(room));
  named.value = roomOf(location.pathname, base);
}
