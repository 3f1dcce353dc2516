// The page: the first visit, or the rooms, the conversation and the people in it.

import { Announcer } from "./components/announcer.tsx";
import { Closed } from "./components/closed.tsx";
import { FindRoom } from "./components/find-room.tsx";
import { FirstVisit } from "./components/first-visit.tsx";
import { Foot } from "./components/foot.tsx";
import { Head, Line } from "./components/head.tsx";
import { Help } from "./components/help.tsx";
import { Log } from "./components/log.tsx";
import { People } from "./components/people.tsx";
import { Rooms } from "./components/rooms.tsx";
import { name } from "./connection.ts";
import { isClosed } from "./conversation.ts";
import { words } from "./i18n/index.ts";

export function App() {
  return name.value === undefined ? <FirstVisit /> : <Chat />;
}

function Chat() {
  const refused = isClosed.value;
  return (
    <div class="frame">
      <Line />
      {!refused && <Skip />}
      <Rooms />
      <main class="talk">
        <Head />
        {refused ? (
          <Closed />
        ) : (
          <>
            <Log />
            <Foot />
          </>
        )}
      </main>
      {!refused && <People />}
      <FindRoom />
      <Help />
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
