// One message: its author where a run begins, its words, and what became of it as long as it is
// not in the log.

import type { Outgoing } from "../../client/index.ts";
import { status } from "../connection.ts";
import { act } from "../conversation.ts";
import { focusBack } from "../device.ts";
import { words } from "../i18n/index.ts";
import { pieces } from "../parts/links.ts";
import type { Quote, Said } from "../parts/rows.ts";
import { fullTimeOf, timeOf } from "../parts/times.ts";
import { Actions } from "./actions.tsx";
import { Clock, Reply, Warning } from "./icons.tsx";
import { Mark } from "./mark.tsx";

interface MessageProps {
  said: Said;
  /** Whether it is pointed at or has the focus. */
  active: boolean;
}

export function Message({ said, active }: MessageProps) {
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
      data-offset={said.offset}
      data-epoch={said.epoch}
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
      {said.quote && <Quoted quote={said.quote} />}
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
      {active && <Actions said={said} />}
    </article>
  );
}

/** The message that is answered, in one line that leads to it. */
function Quoted({ quote }: { quote: Quote }) {
  const { message } = words.value;
  const { name, text } = quote;
  const show = () => act.goTo(quote);
  if (text === undefined) {
    return (
      <button type="button" class="quote" onClick={show}>
        <Reply />
        {message.further}
      </button>
    );
  }
  return (
    <button type="button" class="quote" onClick={show}>
      <Reply />
      <span class="hidden">{message.answers(name || message.unnamed)}: </span>
      <bdi class="name" aria-hidden="true">
        {name || message.unnamed}
      </bdi>
      <bdi class="quoted">{text}</bdi>
    </button>
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
