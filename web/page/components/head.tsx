// The head of the conversation: the room, and how the connection is when it is not simply there.

import { offline, status } from "../connection.ts";
import { talk } from "../conversation.ts";
import { words } from "../i18n/index.ts";
import { openRoom } from "../route.ts";

export function Head() {
  return (
    <header class="head beside-log">
      <div class="column">
        <h1>{talk.value?.key ?? openRoom.value ?? " "}</h1>
        <Connection />
      </div>
    </header>
  );
}

function Connection() {
  const { state } = words.value;
  const { phase } = status.value;
  const shown = offline.value && (phase === "connecting" || phase === "offline");
  return (
    <p class="connection" role="status">
      {shown && state[phase]}
    </p>
  );
}

/** The thin line at the top of the page while the connection is being looked for. */
export const Line = () => (offline.value ? <div class="line" aria-hidden="true" /> : null);
