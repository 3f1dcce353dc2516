// Times and days, in the reader's language and region.

import { computed, signal } from "@preact/signals";
import { locale, words } from "../i18n/index.ts";

const DAY_MS = 24 * 3_600_000;

/** The day it is; it changes while the page is open. */
export const today = signal(new Date().toDateString());

// Looked at every minute, and not at a computed midnight: machines sleep, and clocks are set.
setInterval(() => {
  today.value = new Date().toDateString();
}, 60_000);

const formats = computed(() => {
  const of = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale.value, options);
  return {
    time: of({ timeStyle: "short" }),
    day: of({ weekday: "long", day: "numeric", month: "long" }),
    dayOfYear: of({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    full: of({ dateStyle: "full", timeStyle: "medium" }),
  };
});

/** `14:05` */
export const timeOf = (at: number): string => formats.value.time.format(at);

/** Day, date and time to the second. */
export const fullTimeOf = (at: number): string => formats.value.full.format(at);

/** `Today`, `Yesterday`, `Friday 20 November`, or the same with the year. */
export function dayOf(at: number): string {
  const now = new Date(today.value);
  const its = new Date(new Date(at).toDateString());
  // Rounded, since the days on which clocks change have 23 or 25 hours.
  const ago = Math.round((now.getTime() - its.getTime()) / DAY_MS);
  if (ago === 0) return words.value.day.today;
  if (ago === 1) return words.value.day.yesterday;
  const { day, dayOfYear } = formats.value;
  const text = (now.getFullYear() === its.getFullYear() ? day : dayOfYear).format(at);
  return text.charAt(0).toLocaleUpperCase(locale.value) + text.slice(1);
}
