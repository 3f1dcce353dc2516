// The page: the first visit, or the rooms and the conversation.

import { Announcer } from "./components/announcer.tsx";
import { Brand } from "./components/brand.tsx";
import { FirstVisit } from "./components/first-visit.tsx";
import { Foot } from "./components/foot.tsx";
import { Head, Line } from "./components/head.tsx";
import { Log } from "./components/log.tsx";
import { Me } from "./components/me.tsx";
import { Rooms } from "./components/rooms.tsx";
import { name } from "./connection.ts";
import { words } from "./i18n/index.ts";

export function App() {
  return name.value === undefined ? <FirstVisit /> : <Chat />;
}

function Chat() {
  return (
    <div class="frame">
      <Line />
      <Skip />
      <Brand />
      <Rooms />
      <Me />
      <main class="talk">
        <Head />
        <Log />
        <Foot />
      </main>
      <Announcer />
    </div>
  );
}

/** Over the navigation, for those who go by keyboard. (`<base>` forbids a bare `#log`.) */
function Skip() {
  const skip = (event: Event) => {
    event.preventDefault();
    document.getElementById("log")?.focus();
  };
  return (
    <a class="skip" href={`${location.pathname}#log`} onClick={skip}>
      {words.value.skip}
    </a>
  );
}
