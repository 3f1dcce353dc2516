// The rooms one is in, beside the conversation or on a sheet, and the way to others.

import { openKey } from "../conversation.ts";
import { hasRoomsColumn } from "../device.ts";
import { words } from "../i18n/index.ts";
import { close, open } from "../panels.ts";
import { mine, type RoomRow } from "../rooms.ts";
import { Brand } from "./brand.tsx";
import { Plus } from "./icons.tsx";
import { Me } from "./me.tsx";
import { RoomLink } from "./room-link.tsx";
import { Sheet } from "./sheet.tsx";

/** The column, or what opens in its place on a phone. */
export function Rooms() {
  if (!hasRoomsColumn.value) {
    return (
      <Sheet name="rooms" label={words.value.room.rooms}>
        <Inside />
      </Sheet>
    );
  }
  return (
    <div class="side">
      <Inside />
    </div>
  );
}

function Inside() {
  const { room } = words.value;
  return (
    <>
      <Brand />
      <nav class="rooms" aria-label={room.rooms}>
        <ul>
          {mine.value.map((row) => (
            <li key={row.key}>
              <Row row={row} />
            </li>
          ))}
        </ul>
        <button type="button" class="find" aria-haspopup="dialog" onClick={() => open("find")}>
          <Plus />
          {room.find}
        </button>
      </nav>
      <Me />
    </>
  );
}

function Row({ row }: { row: RoomRow }) {
  const { room } = words.value;
  const isOpen = row.key === openKey.value;
  const unread = isOpen ? 0 : row.unread;
  return (
    <RoomLink
      room={row.key}
      current={isOpen}
      class={`room${unread > 0 ? " unread" : ""}`}
      onFollow={close}
    >
      <bdi class="title">{row.title}</bdi>
      {unread > 0 && (
        <span class="count">
          <span aria-hidden="true">{room.atMost99(unread)}</span>
          <span class="hidden">{room.unread(unread)}</span>
        </span>
      )}
    </RoomLink>
  );
}
