// The wordmark, which leads to the lobby.

import { close } from "../panels.ts";
import { lobby } from "../route.ts";
import { Tree } from "./icons.tsx";
import { RoomLink } from "./room-link.tsx";

export function Brand() {
  return (
    <header class="banner">
      <RoomLink class="brand" room={lobby.value} onFollow={close}>
        <Tree />
        <span class="word">Palabre</span>
      </RoomLink>
    </header>
  );
}
