// The rooms that can be gone to: the lobby, and the open one.

import { talk } from "../conversation.ts";
import { words } from "../i18n/index.ts";
import { lobby, openRoom } from "../route.ts";
import { RoomLink } from "./room-link.tsx";

export function Rooms() {
  const open = talk.value?.key ?? openRoom.value;
  const rooms = [...new Set([lobby.value, ...(open === undefined ? [] : [open])])];
  return (
    <nav class="rooms" aria-label={words.value.room.rooms}>
      <ul>
        {rooms.map((room) => (
          <li key={room}>
            <RoomLink room={room} current={room === open}>
              {room}
            </RoomLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}
