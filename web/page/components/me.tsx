// Who one is, and the connection, for those who look: the name and a way to change it, which
// instance serves us, over what, how fast; and the page's language.

import { useSignal } from "@preact/signals";
import { me, name, palabre, status, welcome } from "../connection.ts";
import { words } from "../i18n/index.ts";
import { Languages } from "./languages.tsx";
import { Mark } from "./mark.tsx";
import { Naming } from "./naming.tsx";

export function Me() {
  const { menu, state } = words.value;
  const { phase } = status.value;
  const shown = me.value?.name ?? name.value ?? "";
  return (
    <div class="me">
      <button
        type="button"
        class="me-button"
        popovertarget="me"
        aria-label={menu.open(shown, state[phase])}
      >
        <Mark user={me.value?.user ?? ""} name={shown} />
        <span class={`dot ${phase === "online" ? "here" : "away"}`} />
        <span class="me-words">
          <bdi class="name">{shown}</bdi>
          <span class="quiet">{state[phase]}</span>
        </span>
      </button>
      <Menu />
    </div>
  );
}

function Menu() {
  const open = useSignal(false);
  const toggled = ({ newState }: { newState: string }) => {
    open.value = newState === "open";
    if (open.value) void palabre.value?.measure();
  };
  return (
    <div
      id="me"
      class="menu"
      role="dialog"
      popover="auto"
      aria-label={words.value.menu.title}
      onToggle={toggled}
    >
      {open.value && <Inside />}
    </div>
  );
}

function Inside() {
  return (
    <>
      <Rename />
      <Facts />
      <Languages />
    </>
  );
}

function Rename() {
  const { menu } = words.value;
  const saved = useSignal(false);
  const rename = async (chosen: string) => {
    saved.value = false;
    const refusal = await palabre.value?.rename(chosen);
    saved.value = refusal === undefined;
    return refusal;
  };
  return (
    <Naming
      label={menu.name}
      start={me.value?.name ?? name.value ?? ""}
      action={saved.value ? menu.renamed : menu.rename}
      submit={rename}
    />
  );
}

function Facts() {
  const { menu } = words.value;
  const { transport, roundTripMs } = status.value;
  const { instance, version } = welcome.value ?? {};
  const online = status.value.phase === "online";
  const took = roundTripMs === undefined ? undefined : Math.round(roundTripMs);
  const facts = [
    { term: menu.instance, fact: instance, more: version && `Palabre ${version}` },
    { term: menu.transport, fact: transport && (menu.transports[transport] ?? transport) },
    { term: menu.roundTrip, fact: took === undefined ? undefined : menu.milliseconds(took) },
  ];
  return (
    <dl class="facts">
      {facts.map(({ term, fact, more }) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd title={more}>{(online && fact) || menu.unknown}</dd>
        </div>
      ))}
    </dl>
  );
}
