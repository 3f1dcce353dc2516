// The first visit: one field, and you are in.

import { enterAs, nameRefused } from "../connection.ts";
import { words } from "../i18n/index.ts";
import { Tree } from "./icons.tsx";
import { Languages } from "./languages.tsx";
import { Naming } from "./naming.tsx";

export function FirstVisit() {
  const { first } = words.value;
  return (
    <main class="first">
      <p class="brand">
        <Tree />
        <span class="word">Palabre</span>
      </p>
      <Naming
        label={first.question}
        heading
        start=""
        action={first.enter}
        submit={enter}
        refused={nameRefused.value}
        focus
      />
      <p class="quiet">{first.later}</p>
      <Languages />
    </main>
  );
}

async function enter(name: string): Promise<undefined> {
  enterAs(name);
}
