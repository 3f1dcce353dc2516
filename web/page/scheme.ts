// Light or dark: as the system says, or as it was chosen here. What was chosen is already in place
// when the page is first painted (public/scheme.js); here it can be changed.

import { effect, signal } from "@preact/signals";
import { lasting } from "./storage.ts";

export type Scheme = "system" | "light" | "dark";

export const SCHEMES: readonly Scheme[] = ["system", "light", "dark"];

export const scheme = signal<Scheme>(
  SCHEMES.find((one) => one === lasting.get("scheme")) ?? "system",
);

export function show(chosen: Scheme): void {
  lasting.set("scheme", chosen === "system" ? undefined : chosen);
  scheme.value = chosen;
}

effect(() => {
  if (scheme.value === "system") delete document.documentElement.dataset.scheme;
  else document.documentElement.dataset.scheme = scheme.value;
  // The browser's own bars take the colour of the ground.
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const its = meta.media.includes("dark") ? "dark" : "light";
    const shown = scheme.value === "system" ? its : scheme.value;
    meta.content = shown === "dark" ? "#17130f" : "#fbf8f2";
  }
});
