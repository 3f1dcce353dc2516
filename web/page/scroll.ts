// Where a reader is in a long list, and how that place is kept while the list changes around it.

import type { Position } from "../client/index.ts";

/** Nearer to the end than this, one reads the end. */
const END_PX = 80;

/** Within so many screens of an edge, what comes beyond it is fetched. */
const SCREENS_AHEAD = 1.5;

/** A row, and how far below the upper edge of what is shown it begins. */
export interface Place {
  row: HTMLElement;
  top: number;
}

/** The first row that is seen: what should stay where it is. */
export function placeIn(list: HTMLElement): Place | undefined {
  const edge = list.getBoundingClientRect().top;
  for (const row of list.querySelectorAll<HTMLElement>("[data-key]")) {
    const { top, bottom } = row.getBoundingClientRect();
    if (bottom > edge) return { row, top: top - edge };
  }
  return undefined;
}

/** Moves the list so that a row is where it was. A row that is gone can't be kept in place. */
export function keepPlace(list: HTMLElement, { row, top }: Place): void {
  if (!row.isConnected) return;
  const now = row.getBoundingClientRect().top - list.getBoundingClientRect().top;
  if (now !== top) list.scrollTop += now - top;
}

/** The place in the log of the last message that is seen whole. */
export function lastSeenIn(list: HTMLElement): Position | undefined {
  const rows = list.querySelectorAll<HTMLElement>("[data-offset]");
  const edge = list.getBoundingClientRect().bottom;
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const { bottom = Number.POSITIVE_INFINITY } = rows[middle]?.getBoundingClientRect() ?? {};
    if (bottom <= edge + 1) from = middle + 1;
    else to = middle;
  }
  const { offset, epoch } = rows[from - 1]?.dataset ?? {};
  return offset === undefined || epoch === undefined ? undefined : { epoch, offset: +offset };
}

/** Moves the list so that a row stands in its upper third, with some of what comes before it. */
export function toUpperThird(list: HTMLElement, row: HTMLElement): void {
  const top = row.getBoundingClientRect().top - list.getBoundingClientRect().top;
  list.scrollTop += top - list.clientHeight / 4;
}

/** Moves the list so that a row stands in its middle. */
export function toMiddle(list: HTMLElement, row: HTMLElement): void {
  const { top, height } = row.getBoundingClientRect();
  const offset = top - list.getBoundingClientRect().top;
  list.scrollTop += offset - (list.clientHeight - height) / 2;
}

/** Moves the list to its end. */
export function toEnd(list: HTMLElement): void {
  list.scrollTop = list.scrollHeight;
}

const below = (list: HTMLElement) => list.scrollHeight - list.scrollTop - list.clientHeight;

export const isAtEnd = (list: HTMLElement): boolean => below(list) <= END_PX;

/** Not a pixel is left below. */
export const isAtVeryEnd = (list: HTMLElement): boolean => below(list) <= 1;

export const isNearStart = (list: HTMLElement): boolean =>
  list.scrollTop < SCREENS_AHEAD * list.clientHeight;

export const isNearEnd = (list: HTMLElement): boolean =>
  below(list) < SCREENS_AHEAD * list.clientHeight;

/** Whether the end is so far away that a way back is worth a button. */
export const isFarFromEnd = (list: HTMLElement): boolean =>
  below(list) > SCREENS_AHEAD * list.clientHeight;
