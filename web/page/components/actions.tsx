// What can be done with one message: small buttons at the message that is pointed at or has the
// focus, and the same by a letter.

import { signal } from "@preact/signals";
import { answering, happen, rows, talk } from "../conversation.ts";
import { words } from "../i18n/index.ts";
import { hashOf } from "../parts/address.ts";
import type { Said } from "../parts/rows.ts";
import { addressOf } from "../route.ts";
import { Copy, Link, Reply } from "./icons.tsx";

/** The message that is pointed at or has the focus. */
export const active = signal<string | undefined>(undefined);

const ACTIONS = { c: copyText, l: copyLink, r: answer };

/** Does what a letter stands for; whether it stands for anything. */
export function actOn(key: string, letter: string): boolean {
  const action = ACTIONS[letter as keyof typeof ACTIONS];
  const said = rows.peek().find((row) => row.key === key);
  if (action === undefined || said?.kind !== "said") return false;
  action(said);
  return true;
}

export function Actions({ said }: { said: Said }) {
  const { message } = words.value;
  const placed = said.offset !== undefined;
  return (
    <div class="actions">
      {placed && (
        <button type="button" class="icon" aria-label={message.reply} onClick={() => answer(said)}>
          <Reply />
        </button>
      )}
      <button type="button" class="icon" aria-label={message.copy} onClick={() => copyText(said)}>
        <Copy />
      </button>
      {placed && (
        <button type="button" class="icon" aria-label={message.link} onClick={() => copyLink(said)}>
          <Link />
        </button>
      )}
    </div>
  );
}

function answer({ epoch, offset, name, text }: Said): void {
  if (offset === undefined || epoch === undefined) return;
  answering.value = { to: { epoch, offset }, name, text };
  document.getElementById("composer")?.focus();
}

function copyText({ text }: Said): void {
  void copied(text, words.peek().message.copied);
}

function copyLink({ epoch, offset }: Said): void {
  const key = talk.peek()?.key;
  if (key === undefined || epoch === undefined || offset === undefined) return;
  const address = new URL(`${addressOf(key)}${hashOf({ epoch, offset })}`, location.href);
  void copied(address.href, words.peek().message.linked);
}

async function copied(text: string, said: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    happen({ kind: "copied", said });
  } catch {
    // The browser asked, and was told no.
  }
}
