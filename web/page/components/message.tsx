// One message: its author where a run begins, its words, and what became of it as long as it is
// not in the log.

import type { Outgoing } from "../../client/index.ts";
import { status } from "../connection.ts";
import { act } from "../conversation.ts";
import { focusBack } from "../device.ts";
import { words } from "../i18n/index.ts";
import { pieces } from "../parts/links.ts";
import type { Said } from "../parts/rows.ts";
import { fullTimeOf, timeOf } from "../parts/times.ts";
import { Clock, Warning } from "./icons.tsx";
import { Mark } from "./mark.tsx";

export function Message({ said }: { said: Said }) {
  const { message } = words.value;
  const { own, opens, unsent } = said;
  const author = said.name || message.unnamed;
  const time = timeOf(said.at);
  const states = `${own ? " own" : ""}${opens ? " opens" : ""}${unsent ? " unsent" : ""}`;
  return (
    <article
      class={`said${states}`}
      aria-label={message.label(own ? `${author} (${message.own})` : author, time)}
      data-key={said.key}
      tabIndex={-1}
    >
      {opens && <Mark user={said.user} name={author} />}
      {opens && (
        <p class="author" aria-hidden="true">
          <bdi class="name">{author}</bdi>
          {own && <span class="quiet">{message.own}</span>}
        </p>
      )}
      <time
        class="time"
        dateTime={new Date(said.at).toISOString()}
        title={fullTimeOf(said.at)}
        aria-hidden="true"
      >
        {time}
      </time>
      <p class="text" dir="auto">
        {pieces(said.text).map(({ text, href }) =>
          href === undefined ? (
            text
          ) : (
            <a href={href} target="_blank" rel="noopener noreferrer nofollow">
              {text}
            </a>
          ),
        )}
      </p>
      {unsent && <Fate unsent={unsent} />}
    </article>
  );
}

/** What happens to a message that is not yet in the log. */
function Fate({ unsent }: { unsent: Outgoing }) {
  const { message, refusal } = words.value;
  const { id, state, refusal: why } = unsent;
  const refused = state === "refused";
  const held = status.value.phase !== "online" || status.value.degraded;
  const waits = state === "waiting" || (state === "pending" && held);
  if (!refused && !waits) return null;
  const waiting = why?.code === "rate_limited" ? message.waitingTooFast : message.waiting;
  return (
    <div class={`fate ${state}`}>
      <p>
        {refused ? <Warning /> : <Clock />}
        {refused ? (refusal[why?.code ?? "internal"] ?? why?.message) : waiting}
      </p>
      <div>
        {refused && (
          <button
            type="button"
            class="plain"
            onClick={() => {
              act.retry(id);
              focusBack();
            }}
          >
            {message.retry}
          </button>
        )}
        <button
          type="button"
          class="plain"
          onClick={() => {
            act.takeBack(id);
            document.getElementById("composer")?.focus();
          }}
        >
          {refused ? message.edit : message.cancel}
        </button>
      </div>
    </div>
  );
}
