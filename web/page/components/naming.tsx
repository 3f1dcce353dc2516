// The one field in which somebody says what they are called: at the first visit, and later.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { DEFAULT_LIMITS, type Refusal } from "../../client/index.ts";
import { welcome } from "../connection.ts";
import { hasKeyboard } from "../device.ts";
import { words } from "../i18n/index.ts";

interface NamingProps {
  label: string;
  /** Whether the label is the page's own question. */
  heading?: boolean;
  start: string;
  action: string;
  /** Takes the name; returns why not, where it is refused. */
  submit: (name: string) => Promise<Refusal | undefined>;
  /** Whether the name that was chosen before was refused. */
  refused?: boolean;
  /** Takes the focus where that calls up no keyboard. */
  focus?: boolean;
}

export function Naming({ label, heading, start, action, submit, refused, focus }: NamingProps) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const error = useSignal(refused === true ? words.value.refusedName : undefined);
  useEffect(() => {
    if (focus === true && hasKeyboard) field.current?.focus();
  }, [focus]);
  const submitted = async (event: Event) => {
    event.preventDefault();
    const name = (field.current?.value ?? "").trim();
    error.value = isName(name) ? await refusalOf(submit(name)) : words.value.refusedName;
    if (error.value !== undefined) field.current?.focus();
  };
  return (
    <form class="naming" onSubmit={submitted} noValidate>
      {heading === true ? (
        <h1>
          <label for={id}>{label}</label>
        </h1>
      ) : (
        <label for={id}>{label}</label>
      )}
      <div class="field">
        <input
          id={id}
          ref={field}
          type="text"
          autocomplete="nickname"
          autocapitalize="words"
          spellcheck={false}
          maxLength={welcome.value?.limits?.name ?? DEFAULT_LIMITS.name}
          defaultValue={start}
          aria-invalid={error.value !== undefined}
          aria-describedby={`${id}-error`}
        />
        <button type="submit" class={heading === true ? "solid" : "plain"}>
          {action}
        </button>
      </div>
      <p class="error" id={`${id}-error`} role="alert">
        {error.value}
      </p>
    </form>
  );
}

/** Whether the server would take it, as far as that can be seen from here. */
const isName = (name: string) =>
  /[\p{L}\p{N}]/u.test(name) && !/[\p{Cc}\p{Bidi_Control}]/u.test(name);

async function refusalOf(answer: Promise<Refusal | undefined>): Promise<string | undefined> {
  const { refusal, refusedName } = words.value;
  try {
    const why = await answer;
    if (why === undefined) return undefined;
    return why.code === "bad_request" ? refusedName : (refusal[why.code] ?? why.message);
  } catch {
    return refusal.unavailable;
  }
}
