// The room's name in the head of the conversation, and what one can do with the room.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { isClosed, openKey, title } from "../conversation.ts";
import { focusBack } from "../device.ts";
import { words } from "../i18n/index.ts";
import { leaveRoom } from "../rooms.ts";
import { addressOf, lobby } from "../route.ts";
import { Chevron } from "./icons.tsx";

export function RoomMenu() {
  const { room } = words.value;
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const copied = useSignal(false);
  const key = openKey.value;
  const opens = (event: { newState: string }) => {
    copied.value = false;
    if (event.newState !== "open" || menu.current === null) return;
    const under = button.current?.getBoundingClientRect();
    menu.current.style.insetInlineStart = `${Math.max(8, under?.left ?? 0)}px`;
    menu.current.style.insetBlockStart = `${under?.bottom ?? 0}px`;
  };
  const copy = async () => {
    if (key === undefined) return;
    await navigator.clipboard.writeText(new URL(addressOf(key), location.href).href);
    copied.value = true;
  };
  const leave = () => {
    if (key === undefined) return;
    menu.current?.hidePopover();
    leaveRoom(key);
    focusBack();
  };
  if (key === undefined || isClosed.value) {
    return <h1 class="title">{title.value.trim() || "Palabre"}</h1>;
  }
  return (
    <>
      <h1 class="title">
        <button type="button" ref={button} popovertarget="room-menu">
          <bdi>{title.value}</bdi>
          <Chevron />
          <span class="hidden">{room.menu}</span>
        </button>
      </h1>
      <div
        id="room-menu"
        ref={menu}
        class="floating room-menu"
        role="dialog"
        popover="auto"
        aria-label={room.menuOf(title.value)}
        onBeforeToggle={opens}
      >
        {title.value !== key && <p class="quiet key">{key}</p>}
        <button type="button" onClick={copy}>
          {copied.value ? room.copied : room.copy}
        </button>
        {key === lobby.value ? (
          <p class="quiet">{room.isLobby}</p>
        ) : (
          <button type="button" onClick={leave}>
            {room.leave}
          </button>
        )}
      </div>
    </>
  );
}
