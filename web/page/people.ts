// Who is in the open room: how many at any time, and who, while somebody looks.

import { computed, effect, signal, untracked } from "@preact/signals";
import type { Member, Room } from "../client/index.ts";
import { palabre, status } from "./connection.ts";
import { hasPeopleColumn } from "./device.ts";
import { peopleShown, sheet } from "./panels.ts";
import { afterPresence, LISTED_MAX, sorted } from "./parts/attendance.ts";
import { openKey } from "./rooms.ts";

/** How long the list of those who are here may take. */
const ASKING_MS_MAX = 10_000;

interface People {
  count: number;
  /** None where they are too many, or not known yet. */
  members: readonly Member[] | undefined;
}

export const people = signal<People>({ count: 0, members: undefined });

/** Whether somebody looks at the list. */
const looking = computed(() =>
  hasPeopleColumn.value ? peopleShown.value : sheet.value === "people",
);

const online = computed(() => status.value.phase === "online");

effect(() => {
  const key = openKey.value;
  const room = key === undefined ? undefined : palabre.value?.room(key);
  const looks = looking.value && online.value;
  if (room === undefined) return;
  return untracked(() => attend(room, looks));
});

/** Whose people are shown. */
let shown: Room | undefined;

/** Keeps the list of a room until the function that is returned is called. */
function attend(room: Room, looks: boolean): () => void {
  let asking = false;
  const ended = new AbortController();
  const ask = async () => {
    const wanted = looks && room.phase === "joined" && room.members <= LISTED_MAX;
    if (!wanted || asking) return;
    asking = true;
    try {
      const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(ASKING_MS_MAX)]);
      const { members, count } = await room.who({ signal });
      if (!ended.signal.aborted) people.value = { count, members: sorted(members, count) };
    } catch {
      // It is asked for again when somebody comes or goes.
    } finally {
      asking = false;
    }
  };
  const ends = [
    room.on("presence", (presence) => {
      const members = afterPresence(people.peek().members, presence);
      people.value = { count: presence.count, members };
      if (members === undefined) void ask();
    }),
    room.on("change", () => {
      const { count, members } = people.peek();
      if (room.members !== count) people.value = { count: room.members, members };
      if (members === undefined && !asked && room.phase === "joined") {
        asked = true;
        void ask();
      }
    }),
  ];
  let asked = room.phase === "joined";
  // While one is away, those who were here last are shown; another room has others.
  if (room !== shown) people.value = { count: room.members, members: undefined };
  shown = room;
  void ask();
  return () => {
    for (const end of ends) end();
    ended.abort();
  };
}
