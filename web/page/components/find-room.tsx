// One field to find a room by its name, or to make it where there is none.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { DEFAULT_LIMITS } from "../../client/index.ts";
import { welcome } from "../connection.ts";
import { focusBack } from "../device.ts";
import { words } from "../i18n/index.ts";
import { close } from "../panels.ts";
import { keyOfTitle } from "../parts/address.ts";
import { found } from "../parts/finding.ts";
import { allRooms, lookForRooms, makeRoom, type RoomRow } from "../rooms.ts";
import { go } from "../route.ts";
import { Cross, Plus, Search } from "./icons.tsx";
import { Sheet } from "./sheet.tsx";

export function FindRoom() {
  return (
    <Sheet name="find" label={words.value.find.title}>
      <Inside />
    </Sheet>
  );
}

function Inside() {
  const { find } = words.value;
  const typed = useSignal("");
  const error = useSignal<string | undefined>(undefined);
  const list = useRef<HTMLDivElement>(null);
  const rooms = found(allRooms.value, typed.value);
  useEffect(() => void lookForRooms(), []);
  const makes = canMake(typed.value);
  const enter = (event: Event) => {
    event.preventDefault();
    list.current?.querySelector("button")?.click();
  };
  const make = async () => {
    error.value = await makeRoom(typed.value.trim());
    if (error.value === undefined) arrive();
  };
  return (
    <>
      <form class="find-field" onSubmit={enter}>
        <Search />
        <input
          type="text"
          aria-label={find.title}
          placeholder={find.title}
          autocomplete="off"
          spellcheck={false}
          enterkeyhint="go"
          maxLength={welcome.value?.limits?.room ?? DEFAULT_LIMITS.room}
          value={typed.value}
          autofocus
          onInput={(event) => {
            typed.value = event.currentTarget.value;
            error.value = undefined;
          }}
          onKeyDown={(event) => event.key === "ArrowDown" && step(list.current, event, 1)}
        />
        <button type="button" class="icon" aria-label={find.close} onClick={close}>
          <Cross />
        </button>
      </form>
      <p class="error" role="alert">
        {error.value}
      </p>
      <div class="results" ref={list}>
        <ul>
          {rooms.map((row) => (
            <li key={row.key}>
              <Result row={row} />
            </li>
          ))}
        </ul>
        {makes && (
          <button type="button" class="result make" onClick={make} onKeyDown={walk}>
            <Plus />
            <span>{find.make(typed.value.trim())}</span>
          </button>
        )}
        {rooms.length === 0 && !makes && <p class="quiet none">{find.none}</p>}
      </div>
    </>
  );
}

function Result({ row }: { row: RoomRow }) {
  const { find } = words.value;
  const opens = () => {
    go(row.key);
    arrive();
  };
  return (
    <button type="button" class="result" onClick={opens} onKeyDown={walk}>
      <bdi class="title">{row.title}</bdi>
      <span class="quiet">{row.members > 0 && find.members(row.members)}</span>
      {row.last !== undefined && <bdi class="quiet last">{row.last}</bdi>}
    </button>
  );
}

/** Whether what was typed would be another room than those there are. */
function canMake(typed: string): boolean {
  const key = keyOfTitle(typed);
  return key !== "" && allRooms.value.every((row) => row.key !== key);
}

function arrive(): void {
  close();
  // After the browser has given the focus back to what opened the sheet.
  requestAnimationFrame(focusBack);
}

/** Arrows go through the results, and back into the field. */
function walk(event: KeyboardEvent): void {
  const list = (event.currentTarget as HTMLElement).closest<HTMLElement>(".results");
  if (event.key === "ArrowDown") step(list, event, 1);
  if (event.key === "ArrowUp") step(list, event, -1);
}

function step(list: HTMLElement | null, event: KeyboardEvent, by: number): void {
  const all = [...(list?.querySelectorAll<HTMLElement>("button") ?? [])];
  const at = all.indexOf(document.activeElement as HTMLElement);
  event.preventDefault();
  const next = at + by < 0 ? list?.parentElement?.querySelector("input") : all[at + by];
  next?.focus();
}
