// Where one writes. Enter sends, Shift and Enter break the line; it grows with the words.

import { computed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { OUTGOING_MAX } from "../../client/index.ts";
import { palabre } from "../connection.ts";
import { act, answering, draft, openKey, title, trouble, write } from "../conversation.ts";
import { hasKeyboard } from "../device.ts";
import { words } from "../i18n/index.ts";
import { Cross, Up } from "./icons.tsx";
import { focusNewest } from "./steps.ts";

/** From so few characters left on, they are counted. */
const COUNTED_LEFT = 200;

const left = computed(() => (palabre.value?.limits.text ?? 0) - [...draft.value].length);

export function Composer() {
  const { composer } = words.value;
  const field = useRef<HTMLTextAreaElement>(null);
  const over = left.value < 0;
  const say = () => {
    const text = trimmed(draft.value);
    if (text === "" || over) return;
    if (!act.say(text)) trouble.value = composer.full(OUTGOING_MAX);
    field.current?.focus();
  };
  useEffect(() => {
    if (hasKeyboard && !isBusy()) field.current?.focus();
  }, [openKey.value]);
  useEffect(() => grow(field.current), [draft.value]);
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <Answering />
      <div class="field">
        <textarea
          id="composer"
          ref={field}
          rows={1}
          aria-label={composer.label}
          placeholder={composer.placeholder(title.value)}
          enterkeyhint="send"
          dir="auto"
          value={draft.value}
          aria-invalid={over}
          aria-describedby="composer-hint"
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => pressed(event, say)}
        />
        <Left />
        <button type="submit" class="send" aria-label={composer.send} disabled={over}>
          <Up />
        </button>
      </div>
    </form>
  );
}

function pressed(event: KeyboardEvent, say: () => void): void {
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    say();
  } else if (event.key === "ArrowUp" && draft.peek() === "" && !event.altKey) {
    event.preventDefault();
    focusNewest();
  } else if (event.key === "Escape") {
    answering.value = undefined;
  }
}

/** How much may still be written, once that is little. */
function Left() {
  const { composer } = words.value;
  if (left.value > COUNTED_LEFT) return <span id="composer-hint" />;
  const said = left.value < 0 ? composer.over(-left.value) : composer.left(left.value);
  return (
    <span class={`left${left.value < 0 ? " over" : ""}`}>
      <span aria-hidden="true" title={said}>
        {composer.number(left.value)}
      </span>
      <span id="composer-hint" class="hidden">
        {said}
      </span>
    </span>
  );
}

/** Which message is being answered. */
function Answering() {
  const { composer } = words.value;
  const to = answering.value;
  if (to === undefined) return null;
  return (
    <p class="answering">
      <span class="name">{composer.answering(to.name)}</span>
      <bdi class="quoted">{to.text}</bdi>
      <button
        type="button"
        class="icon"
        aria-label={composer.notAnswering}
        onClick={() => {
          answering.value = undefined;
          document.getElementById("composer")?.focus();
        }}
      >
        <Cross />
      </button>
    </p>
  );
}

/** Whether the focus is where it should stay: on a sheet or in a menu. */
const isBusy = () => document.activeElement?.closest("dialog, [popover]") != null;

/** Without the emptiness around it; the first line's indentation is kept. */
function trimmed(text: string): string {
  return text
    .toWellFormed()
    .replace(/^\s*\n/u, "")
    .trimEnd();
}

/** Fits a field to its text, where the browser does not by itself. */
function grow(field: HTMLTextAreaElement | null): void {
  if (field === null || CSS.supports("field-sizing", "content")) return;
  field.style.blockSize = "auto";
  field.style.blockSize = `${field.scrollHeight}px`;
}
