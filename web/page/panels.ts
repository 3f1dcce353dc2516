// Which sheet lies over the page, and whether the people stand beside the conversation.

import { effect, signal } from "@preact/signals";
import { hasPeopleColumn, hasRoomsColumn } from "./device.ts";
import { lasting } from "./storage.ts";

/** What can lie over the page; one at a time. */
export type SheetName = "rooms" | "people" | "find" | "help";

export const sheet = signal<SheetName | undefined>(undefined);

/** Whether the people are shown where there is space for them. */
export const peopleShown = signal(lasting.get("people") !== "away");

export function open(name: SheetName): void {
  sheet.value = name;
}

export function close(): void {
  sheet.value = undefined;
}

/** Shows or puts away the people: beside the conversation, or over it. */
export function togglePeople(): void {
  if (!hasPeopleColumn.value) {
    sheet.value = sheet.value === "people" ? undefined : "people";
    return;
  }
  peopleShown.value = !peopleShown.value;
  lasting.set("people", peopleShown.value ? undefined : "away");
}

// What has a column of its own needs no sheet any more.
effect(() => {
  if (hasRoomsColumn.value && sheet.peek() === "rooms") sheet.value = undefined;
  if (hasPeopleColumn.value && sheet.peek() === "people") sheet.value = undefined;
});
