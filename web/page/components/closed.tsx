// What stands in the place of a conversation that the server does not let us into.

import { talk } from "../conversation.ts";
import { words } from "../i18n/index.ts";
import { lobby } from "../route.ts";
import { RoomLink } from "./room-link.tsx";

export function Closed() {
  const { room, refusal, refusedRoom } = words.value;
  const why = talk.value?.refusal;
  const code = why?.code ?? "internal";
  const named = code === "bad_request" || code === "too_large";
  const said = code === "forbidden" ? room.isPrivate : (refusal[code] ?? why?.message);
  return (
    <div class="closed column" role="alert">
      <p class="name">{room.refused}</p>
      <p>{named ? refusedRoom : said}</p>
      <RoomLink room={lobby.value} class="solid">
        {room.lobby(lobby.value)}
      </RoomLink>
    </div>
  );
}
