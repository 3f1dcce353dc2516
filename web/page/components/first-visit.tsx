// The first visit: one field, and you are in.

import { enterAs, nameRefused } from "../connection.ts";
import { words } from "../i18n/index.ts";
import { namedRoom } from "../route.ts";
import { Tree } from "./icons.tsx";
import { Naming } from "./naming.tsx";
import { Preferences } from "./preferences.tsx";

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
      <p class="quiet">
        {namedRoom.value !== undefined && `${first.into(namedRoom.value)} `}
        {first.later}
      </p>
      <Preferences />
    </main>
  );
}

async function enter(name: string): Promise<undefined> {
  enterAs(name);
}
