// Where one writes. Enter sends, Shift and Enter break the line; it grows with the words.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { OUTGOING_MAX } from "../../client/index.ts";
import { palabre } from "../connection.ts";
import { act, draft, talk, write } from "../conversation.ts";
import { hasKeyboard } from "../device.ts";
import { words } from "../i18n/index.ts";
import { Up } from "./icons.tsx";

/** From so few characters left on, they are counted. */
const COUNTED_LEFT = 200;

export function Composer() {
  const { composer } = words.value;
  const field = useRef<HTMLTextAreaElement>(null);
  const full = useSignal(false);
  const key = talk.value?.key ?? "";
  const limit = palabre.value?.limits.text ?? 0;
  const left = limit - [...draft.value].length;
  const say = () => {
    const text = trimmed(draft.value);
    if (text === "" || left < 0) return;
    full.value = !act.say(text);
    if (!full.value) write("");
    field.current?.focus();
  };
  useEffect(() => {
    if (hasKeyboard) field.current?.focus();
  }, [key]);
  useEffect(() => grow(field.current), [draft.value]);
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <div class="field">
        <textarea
          id="composer"
          ref={field}
          rows={1}
          aria-label={composer.label}
          placeholder={composer.placeholder}
          enterkeyhint="send"
          dir="auto"
          value={draft.value}
          aria-invalid={left < 0}
          aria-describedby="composer-hint"
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            say();
          }}
        />
        <button type="submit" class="send" aria-label={composer.send} disabled={left < 0}>
          <Up />
        </button>
      </div>
      <p id="composer-hint" class={`hint ${left < 0 ? "over" : ""}`} role="status">
        {hint(full.value, left)}
      </p>
    </form>
  );
}

function hint(full: boolean, left: number): string | undefined {
  const { composer } = words.value;
  if (left < 0) return composer.over(-left);
  if (full) return composer.full(OUTGOING_MAX);
  return left <= COUNTED_LEFT ? composer.left(left) : undefined;
}

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
