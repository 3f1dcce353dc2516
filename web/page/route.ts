// Which room is open: the one in the page's address, else the lobby. Going from one to the other
// loads no page.

import { computed, effect, signal } from "@preact/signals";
import { welcome } from "./connection.ts";
import { addressOf as addressUnder, placeOf, roomOf } from "./parts/address.ts";
import { lasting } from "./storage.ts";

/** The path under which this Palabre lies. */
const base = new URL(document.baseURI).pathname;

const named = signal(roomOf(location.pathname, base));

/** The message that the page's address names; it is gone to once. */
export const namedPlace = signal(placeOf(location.hash));

addEventListener("hashchange", () => {
  namedPlace.value = placeOf(location.hash);
});

/** The room of the page's address, where it names one. */
export const namedRoom = computed(() => named.value);

addEventListener("popstate", () => {
  named.value = roomOf(location.pathname, base);
});

/** The room that everybody comes into. */
export const lobby = computed(() => {
  return welcome.value?.lobby ?? lasting.get("lobby") ?? "general";
});

/** The open room; none before the server has told, now or earlier, which one the lobby is. */
export const openRoom = computed(() => {
  if (named.value !== undefined) return named.value;
  const isKnown = welcome.value !== undefined || lasting.get("lobby") !== undefined;
  return isKnown ? lobby.value : undefined;
});

effect(() => {
  if (welcome.value !== undefined) lasting.set("lobby", lobby.value);
});

/** The address of a room. */
export const addressOf = (room: string): string =>
  room === lobby.value ? base : addressUnder(room, base);

/** Opens a room. */
export function go(room: string): void {
  if (addressOf(room) === location.pathname) return;
  history.pushState(null, "", addressOf(room));
  named.value = roomOf(location.pathname, base);
}
