// Below the conversation: what there is to know about it, and the composer.

import { palabre, status } from "../connection.ts";
import { happening, talk } from "../conversation.ts";
import { focusBack } from "../device.ts";
import { words } from "../i18n/index.ts";
import { lobby } from "../route.ts";
import { Composer } from "./composer.tsx";
import { Cross } from "./icons.tsx";
import { RoomLink } from "./room-link.tsx";

export function Foot() {
  return (
    <footer class="foot beside-log">
      <div class="column">
        <div class="notices" role="status">
          <Disconnected />
          <Degraded />
          <Happened />
        </div>
        {talk.value?.phase === "refused" ? <Refused /> : <Composer />}
      </div>
    </footer>
  );
}

/** The server ended it, and nothing is tried by itself. */
function Disconnected() {
  const { state } = words.value;
  if (status.value.phase !== "refused") return null;
  return (
    <p class="notice lost">
      <span title={status.value.reason}>{state.ended}</span>
      <button type="button" class="plain" onClick={() => palabre.value?.connect()}>
        {state.again}
      </button>
    </p>
  );
}

function Degraded() {
  return status.value.degraded ? <p class="notice held">{words.value.state.degraded}</p> : null;
}

function Happened() {
  const { state } = words.value;
  const what = happening.value;
  if (what === undefined) return null;
  if (what.kind === "recovered") {
    const { count, all } = what;
    return <p class="notice">{all ? state.recovered(count) : state.missed(count)}</p>;
  }
  return (
    <p class="notice lost">
      <span>{what.restarted ? state.restarted : state.gap}</span>
      <button
        type="button"
        class="icon"
        aria-label={state.close}
        onClick={() => {
          happening.value = undefined;
          focusBack();
        }}
      >
        <Cross />
      </button>
    </p>
  );
}

/** The room does not let us in. */
function Refused() {
  const { room, refusal, refusedRoom } = words.value;
  const why = talk.value?.refusal;
  const code = why?.code ?? "internal";
  const named = code === "bad_request" || code === "too_large";
  return (
    <div class="closed" role="alert">
      <p>
        <strong>{room.refused}</strong>
        <br />
        {named ? refusedRoom : (refusal[code] ?? why?.message)}
      </p>
      <RoomLink room={lobby.value} class="solid">
        {room.lobby(lobby.value)}
      </RoomLink>
    </div>
  );
}
