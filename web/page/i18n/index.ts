// Which language the page speaks: the one that was chosen, else the browser's, else English.

import { computed, effect, signal } from "@preact/signals";
import { lasting } from "../storage.ts";
import { en, type Words } from "./en.ts";
import { fr } from "./fr.ts";

export type { Words } from "./en.ts";

const dictionaries = { en, fr } satisfies Record<string, Words>;

/** The code of a language that the page speaks. */
export type Language = keyof typeof dictionaries;

export const LANGUAGES: readonly Language[] = ["fr", "en"];

export const language = signal<Language>(chosen() ?? preferred());

/** The words of the page, in the language it speaks now. */
export const words = computed<Words>(() => dictionaries[language.value]);

/** For dates and times: how the reader's own region writes the page's language. */
export const locale = computed(() => {
  const of = (tag: string) => tag.toLowerCase().split("-")[0];
  return navigator.languages.find((tag) => of(tag) === language.value) ?? language.value;
});

/** The name of a language, in itself. */
export const nameOf = (code: Language): string => dictionaries[code].language;

export function speak(code: Language): void {
  lasting.set("language", code);
  language.value = code;
}

effect(() => {
  document.documentElement.lang = language.value;
});

function chosen(): Language | undefined {
  return LANGUAGES.find((code) => code === lasting.get("language"));
}

function preferred(): Language {
  for (const tag of navigator.languages) {
    const found = LANGUAGES.find((code) => code === tag.toLowerCase().split("-")[0]);
    if (found !== undefined) return found;
  }
  return "en";
}
