// The head of the conversation: the room, how the connection is when it is not simply there, and
// how many are here.

import { offline, status } from "../connection.ts";
import { hasRoomsColumn } from "../device.ts";
import { words } from "../i18n/index.ts";
import { open } from "../panels.ts";
import { unreadElsewhere } from "../rooms.ts";
import { Lines } from "./icons.tsx";
import { PeopleButton } from "./people.tsx";
import { RoomMenu } from "./room-menu.tsx";

export function Head() {
  return (
    <header class="head beside-log">
      <div class="column">
        {!hasRoomsColumn.value && <ToRooms />}
        <RoomMenu />
        <Connection />
        <PeopleButton />
      </div>
    </header>
  );
}

function ToRooms() {
  const { room } = words.value;
  const unread = unreadElsewhere.value;
  return (
    <button
      type="button"
      class="icon to-rooms"
      aria-haspopup="dialog"
      aria-label={unread > 0 ? `${room.rooms}, ${room.unread(unread)}` : room.rooms}
      onClick={() => open("rooms")}
    >
      <Lines />
      {unread > 0 && <span class="badge" />}
    </button>
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
