// The conversation: its rows, kept in place while pages come and go around them, and followed to
// the end while the end is being read.

import { signal } from "@preact/signals";
import { Component, createRef } from "preact";
import { act, fresh, rows, talk } from "../conversation.ts";
import { focusBack } from "../device.ts";
import { words } from "../i18n/index.ts";
import type { Row } from "../parts/rows.ts";
import { dayOf } from "../parts/times.ts";
import {
  isAtEnd,
  isFarFromEnd,
  isNearEnd,
  isNearStart,
  keepPlace,
  type Place,
  placeIn,
  toEnd,
} from "../scroll.ts";
import { Down } from "./icons.tsx";
import { Message } from "./message.tsx";
import { stepThrough } from "./steps.ts";

/** Whether the reader has gone far up. */
const far = signal(false);

export function Log() {
  const now = talk.value;
  const { room } = words.value;
  return (
    <div class="log-place">
      <List
        label={room.log(now?.key ?? "")}
        rows={rows.value}
        following={now?.following ?? true}
        older={now?.older ?? false}
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
  if (now?.phase === "refused") return null;
  if (now === undefined || (now.phase !== "joined" && now.entries.length === 0)) {
    return <p class="start late">{room.entering}</p>;
  }
  if (now.older) return <p class="start">{now.loading.older ? room.loading : " "}</p>;
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
  following: boolean;
  older: boolean;
  ahead: number;
  loading: boolean;
}

class List extends Component<ListProps> {
  readonly #list = createRef<HTMLDivElement>();
  readonly #rows = createRef<HTMLDivElement>();
  #resized: ResizeObserver | undefined;
  #top = 0;

  override componentDidMount(): void {
    this.#resized = new ResizeObserver(() => this.#settle(undefined));
    for (const { current } of [this.#list, this.#rows]) {
      if (current !== null) this.#resized.observe(current);
    }
  }

  override componentWillUnmount(): void {
    this.#resized?.disconnect();
  }

  override getSnapshotBeforeUpdate(): Place | undefined {
    const list = this.#list.current;
    return list === null || this.props.following ? undefined : placeIn(list);
  }

  override componentDidUpdate(_props: ListProps, _state: object, place: Place | undefined): void {
    this.#settle(place);
  }

  #settle(place: Place | undefined): void {
    const list = this.#list.current;
    if (list === null) return;
    if (this.props.following) toEnd(list);
    else if (place !== undefined) keepPlace(list, place);
    this.#top = list.scrollTop;
    this.#look(list);
  }

  readonly #scrolled = () => {
    const list = this.#list.current;
    if (list === null) return;
    const up = list.scrollTop < this.#top - 1;
    this.#top = list.scrollTop;
    const atEnd = isAtEnd(list) && this.props.ahead === 0;
    // Only the reader's own going up ends the following; content that grows does not.
    if (atEnd || up) act.follow(atEnd);
    this.#look(list);
  };

  /** Fetches what is about to be seen. */
  #look(list: HTMLElement): void {
    far.value = !this.props.following && isFarFromEnd(list);
    if (this.props.loading) return;
    if (this.props.ahead > 0 && isNearEnd(list)) act.loadNewer();
    else if (this.props.older && isNearStart(list)) act.loadOlder();
  }

  override render({ label, rows }: ListProps) {
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
      >
        <div class="rows column" ref={this.#rows}>
          {this.props.children}
          {rows.map((row) =>
            row.kind === "said" ? (
              <Message key={row.key} said={row} />
            ) : (
              <h2 key={row.key} class="day">
                <span>{dayOf(row.at)}</span>
              </h2>
            ),
          )}
        </div>
      </div>
    );
  }
}
