// Who is in the room: beside the conversation, or on a sheet.

import { me, offline } from "../connection.ts";
import { focusBack, hasPeopleColumn } from "../device.ts";
import { words } from "../i18n/index.ts";
import { close, peopleShown, togglePeople } from "../panels.ts";
import { LISTED_MAX } from "../parts/attendance.ts";
import { people } from "../people.ts";
import { Cross } from "./icons.tsx";
import { Mark } from "./mark.tsx";
import { Sheet } from "./sheet.tsx";

export function People() {
  const { people: say } = words.value;
  if (!hasPeopleColumn.value) {
    return (
      <Sheet name="people" label={say.title}>
        <Inside away={close} />
      </Sheet>
    );
  }
  if (!peopleShown.value) return null;
  const away = () => {
    togglePeople();
    const button = document.getElementById("people-button");
    if (button === null) focusBack();
    else button.focus();
  };
  return (
    <aside class="people" aria-label={say.title}>
      <Inside away={away} />
    </aside>
  );
}

function Inside({ away }: { away: () => void }) {
  const { people: say } = words.value;
  const { count, members } = people.value;
  return (
    <>
      <header class="people-head">
        <h2>
          {say.title}
          {count > 0 && <span class="quiet"> {say.number(count)}</span>}
        </h2>
        <button type="button" class="icon" aria-label={say.close} onClick={away}>
          <Cross />
        </button>
      </header>
      {members === undefined ? (
        <p class="crowd quiet">{count > LISTED_MAX && say.crowd(count)}</p>
      ) : (
        <ul class="members">
          {members.map(({ user, name }) => (
            <li key={user}>
              <Mark user={user} name={name} />
              <bdi class="name">{name}</bdi>
              {user === me.value?.user && <span class="quiet">{words.value.message.own}</span>}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** How many are here, in the head of the conversation; opens and closes the list of them. */
export function PeopleButton() {
  const { people: say } = words.value;
  const { count } = people.value;
  const sheeted = !hasPeopleColumn.value;
  if (count === 0 || offline.value) return null;
  return (
    <button
      type="button"
      id="people-button"
      class="people-button"
      {...(sheeted
        ? { "aria-haspopup": "dialog" as const }
        : { "aria-expanded": peopleShown.value })}
      onClick={togglePeople}
    >
      <span class="leaf" />
      {say.here(count)}
      <span class="hidden">{say.opens}</span>
    </button>
  );
}
