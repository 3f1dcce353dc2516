// The wordmark, which leads to the lobby.

import { lobby } from "../route.ts";
import { Tree } from "./icons.tsx";
import { RoomLink } from "./room-link.tsx";

export function Brand() {
  return (
    <header class="banner">
      <RoomLink class="brand" room={lobby.value}>
        <Tree />
        <span class="word">Palabre</span>
      </RoomLink>
    </header>
  );
}
