// Below the conversation: a line for what there is to know about it now, and the composer.

import { palabre, status } from "../connection.ts";
import { happening, trouble, writing } from "../conversation.ts";
import { focusBack } from "../device.ts";
import { words } from "../i18n/index.ts";
import { Composer } from "./composer.tsx";
import { Cross } from "./icons.tsx";

export function Foot() {
  return (
    <footer class="foot beside-log">
      <div class="column">
        <div class="now">
          <div class="notices" role="status">
            <Disconnected />
            <Degraded />
            <Happened />
            <Troubled />
          </div>
          <Writing />
        </div>
        <Composer />
      </div>
    </footer>
  );
}

/** Who is writing; not announced, since it comes and goes. */
function Writing() {
  const { typing } = words.value;
  const [one, two, ...more] = writing.value;
  if (one === undefined) return null;
  const said =
    two === undefined
      ? typing.one(one.name)
      : more.length === 0
        ? typing.two(one.name, two.name)
        : typing.several;
  return (
    <p class="writing">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span>{said}</span>
    </p>
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

/** What is the matter with what is being written. */
function Troubled() {
  return trouble.value === undefined ? null : <p class="notice lost">{trouble.value}</p>;
}

function Happened() {
  const { state } = words.value;
  const what = happening.value;
  if (what === undefined) return null;
  if (what.kind === "recovered") {
    const { count, all } = what;
    return <p class="notice">{all ? state.recovered(count) : state.missed(count)}</p>;
  }
  if (what.kind === "copied") return <p class="notice">{what.said}</p>;
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
