// The conversation: its rows, kept in place while pages come and go around them, and followed to
// the end while the end is being read.

import { signal } from "@preact/signals";
import { Component, createRef } from "preact";
import { act, fresh, hasMore, openKey, rows, sought, talk, title } from "../conversation.ts";
import { focusBack } from "../device.ts";
import { words } from "../i18n/index.ts";
import type { Row } from "../parts/rows.ts";
import { dayOf } from "../parts/times.ts";
import {
  isAtEnd,
  isAtVeryEnd,
  isFarFromEnd,
  isNearEnd,
  isNearStart,
  keepPlace,
  lastSeenIn,
  type Place,
  placeIn,
  toEnd,
  toMiddle,
  toUpperThird,
} from "../scroll.ts";
import { active } from "./actions.tsx";
import { Down } from "./icons.tsx";
import { Message } from "./message.tsx";
import { stepThrough } from "./steps.ts";

/** After so long without moving, the list is at rest. */
const RESTING_MS = 150;

/** Whether the reader has gone far up. */
const far = signal(false);

export function Log() {
  const now = talk.value;
  const { room } = words.value;
  return (
    <div class="log-place">
      <List
        key={openKey.value}
        label={room.log(title.value)}
        rows={rows.value}
        active={active.value}
        opened={now?.phase === "joined"}
        older={hasMore.value}
        ahead={now?.ahead ?? 0}
        loading={now?.loading.older === true || now?.loading.newer === true}
      >
        <Start />
      </List>
      <ToNewest />
    </div>
  );
}

/** What stands before the first message. */
function Start() {
  const now = talk.value;
  const { room } = words.value;
  if (now === undefined || (now.phase !== "joined" && now.entries.length === 0)) {
    return <p class="start late">{room.entering}</p>;
  }
  if (hasMore.value) return <p class="start">{now.loading.older ? room.loading : " "}</p>;
  if (rows.value.length === 0) return <p class="start empty">{room.empty}</p>;
  return <p class="start">{(now.entries[0]?.offset ?? 1) > 1 ? room.trimmed : room.begins}</p>;
}

function ToNewest() {
  const { message } = words.value;
  const count = fresh.value;
  if (count === 0 && !far.value && (talk.value?.ahead ?? 0) === 0) return null;
  const jump = () => {
    act.jumpToNewest();
    focusBack();
  };
  return (
    <button type="button" class="to-newest" onClick={jump}>
      <Down />
      {count > 0 ? message.fresh(count) : message.newest}
    </button>
  );
}

interface ListProps {
  label: string;
  rows: readonly Row[];
  active: string | undefined;
  /** Whether the room has told what there is. */
  opened: boolean;
  older: boolean;
  ahead: number;
  loading: boolean;
}

/** What is remembered of the list while it changes. */
interface Before {
  place: Place | undefined;
  hadFocus: boolean;
}

class List extends Component<ListProps> {
  readonly #list = createRef<HTMLDivElement>();
  readonly #rows = createRef<HTMLDivElement>();
  #resized: ResizeObserver | undefined;
  /** Where it was scrolled to when we last knew. */
  #top = 0;
  #resting: ReturnType<typeof setTimeout> | undefined;
  /** Whether it has been brought to where reading begins. */
  #landed = false;

  override componentDidMount(): void {
    this.#resized = new ResizeObserver(() => this.#settle(undefined));
    for (const { current } of [this.#list, this.#rows]) {
      if (current !== null) this.#resized.observe(current);
    }
  }

  override componentWillUnmount(): void {
    this.#resized?.disconnect();
    clearTimeout(this.#resting);
    active.value = undefined;
  }

  override getSnapshotBeforeUpdate(): Before | undefined {
    const list = this.#list.current;
    if (list === null) return undefined;
    this.#letGo(list);
    const place = act.isFollowing() ? undefined : placeIn(list);
    return { place, hadFocus: list.contains(document.activeElement) };
  }

  override componentDidUpdate(_props: ListProps, _state: object, before?: Before): void {
    this.#settle(before?.place);
    const lost = before?.hadFocus === true && document.activeElement === document.body;
    // The message that had it has left the list.
    if (lost) this.#list.current?.focus({ preventScroll: true });
  }

  #settle(place: Place | undefined): void {
    const list = this.#list.current;
    if (list === null) return;
    if (place === undefined) this.#letGo(list);
    if (this.#showSought(list)) this.#landed = true;
    else if (!this.#landed && this.props.opened) this.#land(list);
    else if (act.isFollowing()) toEnd(list);
    else if (place !== undefined) keepPlace(list, place);
    this.#top = list.scrollTop;
    this.#look(list);
  }

  /** Brings a message that was asked for into the middle. Whether there was one. */
  #showSought(list: HTMLElement): boolean {
    const place = sought.peek();
    if (place === undefined || !this.props.opened) return false;
    const row = list.querySelector<HTMLElement>(`[data-offset="${place.offset}"]`);
    if (row === null || row.dataset.epoch !== place.epoch) return false;
    sought.value = undefined;
    toMiddle(list, row);
    row.focus({ preventScroll: true });
    act.follow(isAtVeryEnd(list) && this.props.ahead === 0);
    return true;
  }

  /** Begins at what is new, if there is anything; otherwise at the end. */
  #land(list: HTMLElement): void {
    this.#landed = true;
    const fresh = list.querySelector<HTMLElement>(".new");
    if (fresh === null) {
      toEnd(list);
      return;
    }
    toUpperThird(list, fresh);
    if (!isAtEnd(list)) act.follow(false);
  }

  /**
   * The reader's own going up ends the following at once, so that nothing pulls against them; what
   * grows or shrinks does not. The browser may have moved the list before it tells.
   */
  #letGo(list: HTMLElement): boolean {
    const up = list.scrollTop < this.#top - 1 && !isAtVeryEnd(list);
    if (up) act.follow(false);
    return up;
  }

  readonly #scrolled = () => {
    const list = this.#list.current;
    if (list === null) return;
    const up = this.#letGo(list);
    this.#top = list.scrollTop;
    if (!up) this.#catchOn();
    clearTimeout(this.#resting);
    this.#resting = setTimeout(this.#catchOn, RESTING_MS);
    this.#look(list);
  };

  /** Near enough to the end, one reads the end. */
  readonly #catchOn = () => {
    const list = this.#list.current;
    if (list !== null && this.props.ahead === 0 && isAtEnd(list)) act.follow(true);
  };

  /** Notes what is seen, and fetches what is about to be. */
  #look(list: HTMLElement): void {
    if (!this.#landed) return;
    far.value = !act.isFollowing() && isFarFromEnd(list);
    if (act.isFollowing()) act.read();
    else act.read(lastSeenIn(list));
    if (this.props.loading) return;
    if (this.props.ahead > 0 && isNearEnd(list)) act.loadNewer();
    else if (this.props.older && isNearStart(list)) act.loadOlder();
  }

  override render({ label, rows, active: pointed }: ListProps) {
    return (
      <div
        id="log"
        class="log"
        role="log"
        // What is new is told by the announcer, so that history and one's own words are not.
        aria-live="off"
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must take the focus
        tabIndex={0}
        ref={this.#list}
        onScroll={this.#scrolled}
        onKeyDown={stepThrough}
        onPointerOver={pointedAt}
        onPointerLeave={pointedAt}
        onFocusIn={focused}
        onFocusOut={focused}
      >
        <div class="rows column" ref={this.#rows}>
          {this.props.children}
          {rows.map((row) => (
            <RowOf key={row.key} row={row} active={row.key === pointed} />
          ))}
        </div>
      </div>
    );
  }
}

function RowOf({ row, active }: { row: Row; active: boolean }) {
  if (row.kind === "said") return <Message said={row} active={active} />;
  const isNew = row.kind === "new";
  return (
    <h2 class={isNew ? "day new" : "day"}>
      <span>{isNew ? words.value.message.unreadLine : dayOf(row.at)}</span>
    </h2>
  );
}

/** A message shows what can be done with it while it is pointed at … */
function pointedAt({ type, target, pointerType }: PointerEvent): void {
  if (pointerType !== "mouse") return;
  active.value = keyAt(type === "pointerleave" ? document.activeElement : target);
}

/** … or has the focus. */
function focused({ type, target, relatedTarget }: FocusEvent): void {
  active.value = keyAt(type === "focusin" ? target : relatedTarget);
}

function keyAt(target: EventTarget | null): string | undefined {
  if (!(target instanceof Element)) return undefined;
  return target.closest<HTMLElement>("#log [data-key]")?.dataset.key;
}
