// Who is at the page, and the connection that makes of them a user: the client's events as
// signals.

import { computed, effect, signal } from "@preact/signals";
import { Palabre, type Status, type Welcome } from "../client/index.ts";
import { lasting } from "./storage.ts";

/** How long a lost connection is not spoken of. */
const OFFLINE_SHOWN_MS = 1_500;

/** The name that was chosen; none at the first visit. */
export const name = signal<string | undefined>(lasting.get("name"));

export const status = signal<Status>({ phase: "idle", degraded: false });
export const welcome = signal<Welcome | undefined>(undefined);

/** Who we are: as the server says, or as it said the last time. */
export const me = computed(() => {
  const user = welcome.value?.user ?? lasting.get("user");
  const called = welcome.value?.name ?? name.value;
  return user === undefined || called === undefined ? undefined : { user, name: called };
});

/** Whether the connection has been away for so long that it should be said. */
export const offline = signal(false);

/** The client; there is one as soon as there is a name. */
export const palabre = signal<Palabre | undefined>(undefined);

/** Whether the server would not have the name that was chosen. */
export const nameRefused = signal(false);

/** Comes in by a name. */
export function enterAs(chosen: string): void {
  lasting.set("name", chosen);
  name.value = chosen;
  nameRefused.value = false;
  const client = new Palabre({
    url: document.baseURI,
    name: chosen,
    token: lasting.get("token"),
  });
  client.connection.on("status", (now) => {
    status.value = now;
    welcome.value = client.welcome;
    if (now.phase === "refused" && isAboutTheName(now.code)) askAgain(client);
  });
  client.connection.on("welcome", keepIdentity);
  palabre.value = client;
  client.connect();
}

/** The only thing of ours that a server judges while we connect is the name. */
const isAboutTheName = (code: string | undefined) => code === "bad_request" || code === "too_large";

/** Back to the first visit, where the name is chosen. */
function askAgain(client: Palabre): void {
  nameRefused.value = true;
  palabre.value = undefined;
  lasting.set("name", undefined);
  name.value = undefined;
  client.close();
}

function keepIdentity(given: Welcome): void {
  lasting.set("user", given.user);
  if (given.token !== undefined) lasting.set("token", given.token);
}

effect(() => {
  const known = welcome.value?.name;
  if (known !== undefined) {
    lasting.set("name", known);
    name.value = known;
  }
});

// Its own signal: a status changes with every failed attempt, the phase does not.
const phase = computed(() => status.value.phase);

effect(() => {
  if (phase.value !== "offline" && phase.value !== "connecting") {
    offline.value = false;
    return;
  }
  const timer = setTimeout(() => {
    offline.value = true;
  }, OFFLINE_SHOWN_MS);
  return () => clearTimeout(timer);
});

const known = name.peek();
if (known !== undefined) enterAs(known);
