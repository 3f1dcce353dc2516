// Who one is, and the connection, for those who look: the name and a way to change it, which
// instance serves us, over what, how fast; and the page's language.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { me, name, palabre, status, welcome } from "../connection.ts";
import { lastWay } from "../conversation.ts";
import { words } from "../i18n/index.ts";
import { open } from "../panels.ts";
import { Mark } from "./mark.tsx";
import { Naming } from "./naming.tsx";
import { Preferences } from "./preferences.tsx";

export function Me() {
  const { menu, state } = words.value;
  const { phase } = status.value;
  const shown = me.value?.name ?? name.value ?? "";
  return (
    <div class="me">
      <button type="button" class="me-button" popovertarget="me">
        <Mark user={me.value?.user ?? ""} name={shown} />
        <span class={`dot ${phase === "online" ? "here" : "away"}`} />
        <span class="me-words">
          <bdi class="name">{shown}</bdi>
          <span class="quiet">{state[phase]}</span>
        </span>
        <span class="hidden">{menu.opens}</span>
      </button>
      <Menu />
    </div>
  );
}

function Menu() {
  const shown = useSignal(false);
  const menu = useRef<HTMLDivElement>(null);
  const toggled = ({ newState }: { newState: string }) => {
    shown.value = newState === "open";
    if (shown.value) void palabre.value?.measure();
  };
  const keyboard = () => {
    menu.current?.hidePopover();
    open("help");
  };
  return (
    <div
      id="me"
      ref={menu}
      class="floating menu"
      role="dialog"
      popover="auto"
      aria-label={words.value.menu.title}
      onToggle={toggled}
    >
      {shown.value && (
        <>
          <Rename />
          <Facts />
          <Preferences />
          <button type="button" class="plain keyboard" onClick={keyboard}>
            {words.value.help.title}
          </button>
        </>
      )}
    </div>
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
  const way = lastWay.value;
  const facts = [
    { term: menu.instance, fact: instance },
    { term: menu.transport, fact: transport && (menu.transports[transport] ?? transport) },
    { term: menu.roundTrip, fact: took === undefined ? undefined : menu.milliseconds(took) },
    { term: menu.path, fact: way && menu.pathOf(way.instance, way.offset, way.ms) },
    { term: menu.version, fact: version },
  ];
  return (
    <dl class="facts">
      {facts.map(({ term, fact }) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{(online && fact) || menu.unknown}</dd>
        </div>
      ))}
    </dl>
  );
}
