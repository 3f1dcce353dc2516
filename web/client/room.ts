// One room as a client lives it: it joins again after every reconnect from where it was, closes
// holes and pages both ways, or stays in the background and only counts. What the log means is
// timeline.ts' part, what is unsent speaking.ts', what was read reading.ts'; the connection is given.

import { answerTo, granted, isPassing, type Link, type Patience, RETRY_MS } from "./asking.ts";
import { Emitter } from "./emitter.ts";
import { type Asked, CONTEXT, Entrance, lostFrom, type Opening, PAGE } from "./entrance.ts";
import { newId } from "./ids.ts";
import { type Later, laterByTimer } from "./later.ts";
import type { Outgoing } from "./outbox.ts";
import type {
  Answer,
  Entry,
  Joined,
  Person,
  Position,
  Presence,
  Refusal,
  Stretch,
  TypingNow,
  Who,
} from "./protocol.ts";
import { Reading } from "./reading.ts";
import { Speaking } from "./speaking.ts";
import { ENTRIES_MAX, type Next, Timeline } from "./timeline.ts";
import { Typing } from "./typing.ts";

/** How a room is lived in. */
export interface RoomOptions {
  /** Up to where it was read in an earlier life. A room without is new: nothing of it is unread. */
  seen?: Position | undefined;
  /** Where it is opened; at its end, unless told otherwise. */
  at?: Opening;
  /** Only counts what is unread, until `show`. */
  background?: boolean;
  /**
   * Goes on behind this place, where an earlier life of the program was: every entry since is told
   * by `entry`, as if there had been a reconnect.
   */
  after?: Position | undefined;
  /**
   * Reads everything that was missed, however much it is. Otherwise one page of it is read at a
   * reconnect, and the rest when `loadNewer` asks for it.
   */
  catchUp?: boolean;
  /** What an earlier life of the page left unsent. */
  unsent?: readonly Outgoing[];
  /** Makes the id of a message. */
  newId?: () => string;
  later?: Later;
}

interface Heard {
  /** Something of the room is not as it was. */
  change: undefined;
  /**
   * An entry came behind the others: each one once, in order. Not live: it had been missed. In
   * the background what was missed is counted, and not told.
   */
  entry: { entry: Entry; live: boolean };
  /** Back after a while, with so many entries missed; they are here, or can be paged. */
  recovered: { count: number };
  /** Something in between can't be had any more. `restarted`: the log itself lost its past. */
  reset: { restarted: boolean };
  /** Up to where the room is read now; give it as `seen` next time. */
  seen: Position;
  /** Who came and who left. */
  presence: Presence;
}

/** `away`: not connected, or not yet joined. `refused`: the server does not let us in. */
export type RoomPhase = "away" | "joined" | "refused";

export class Room extends Emitter<Heard> {
  key: string;
  phase: RoomPhase = "away";
  refusal: Refusal | undefined;
  title: string | undefined;
  topic: string | undefined;
  /** How many users are in it. */
  members = 0;
  /** Who else is writing now. */
  typists: readonly Person[] = [];
  /** Not in the background. */
  shown: boolean;
  /** Which way a page is being read. */
  loading: { older: boolean; newer: boolean } = { older: false, newer: false };

  readonly #link: Link;
  readonly #timeline = new Timeline();
  readonly #entrance = new Entrance();
  readonly #speaking: Speaking;
  readonly #reading: Reading;
  readonly #typing: Typing;
  readonly #catchUp: boolean;
  readonly #newId: () => string;
  readonly #later: Later;
  #callOffRetry: (() => void) | undefined;
  /** Counts connections and fresh starts: an answer to an earlier one means nothing any more. */
  #life = 0;
  /** Up to where `entry` has been told. */
  #told: Position | undefined;
  /** The epoch that was being read when a stretch turned out to be lost; told once joined again. */
  #lostFrom: string | undefined;

  constructor(link: Link, key: string, options: RoomOptions = {}) {
    super();
    this.#link = link;
    this.key = key;
    this.shown = options.background !== true;
    this.#catchUp = options.catchUp ?? true;
    this.#newId = options.newId ?? newId;
    this.#later = options.later ?? laterByTimer;
    this.#reading = new Reading(options.seen);
    const listeners = {
      key: () => this.key,
      hear: () => this.#isJoined(),
      changed: () => {
        this.#settle();
        this.emit("change", undefined);
      },
    };
    this.#speaking = new Speaking(link, listeners, this.#later, options.unsent);
    this.#typing = new Typing((on) => this.#tellTyping(on), this.#later);
    if (options.after !== undefined) this.#goOnFrom(options.after);
    else if (this.shown) this.#entrance.opening = options.at ?? "end";
  }

  /** The stretch of the log that we hold, without holes. */
  get entries(): readonly Entry[] {
    return this.#timeline.entries;
  }

  /** What we wrote and have not yet seen in the log. */
  get outgoing(): readonly Outgoing[] {
    return this.#speaking.outbox.items;
  }

  /** Whether there may be more before the first entry. */
  get older(): boolean {
    return this.#timeline.older;
  }

  /** How many entries are known to be behind the last one that we hold. */
  get ahead(): number {
    return Math.max(0, this.#timeline.head - this.#timeline.last);
  }

  /** The newest offset that we have heard of. */
  get head(): number {
    return this.#timeline.head;
  }

  /** Up to where `entry` has been told: give it as `after` to go on from here in another life. */
  get position(): Position | undefined {
    return this.#told;
  }

  /** Up to where the room was read. */
  get seen(): Position | undefined {
    return this.#reading.seen;
  }

  /** How many entries were not read. */
  get unread(): number {
    return this.#reading.unread(this.#end);
  }

  /** Whether the end is being read, and so kept. */
  get following(): boolean {
    return this.#timeline.following;
  }

  /** The connection stands: enters, from where we were. */
  enter(): void {
    this.#life += 1;
    void this.#join();
  }

  /** The connection is gone. */
  lost(): void {
    this.#life += 1;
    if (this.phase === "joined") this.phase = "away";
    this.loading = { older: false, newer: false };
    this.typists = [];
    this.#callOffRetry?.();
    this.#typing.lost();
    this.#speaking.lost();
    this.emit("change", undefined);
  }

  /** A live entry of this room. */
  live(entry: Entry): void {
    if (this.typists.some(({ user }) => user === entry.user)) {
      this.typists = this.typists.filter(({ user }) => user !== entry.user);
    }
    this.#take(true, () => this.#timeline.live(entry));
  }

  /** The log of this room lost its past. */
  restarted(): void {
    this.#startAfresh();
    this.emit("change", undefined);
  }

  /** Somebody came or left. */
  attended(presence: Presence): void {
    this.members = presence.count;
    this.emit("presence", presence);
    this.emit("change", undefined);
  }

  /** Somebody is writing, or nobody is any more. */
  typed({ users }: TypingNow): void {
    this.typists = users.filter(({ user }) => !this.#link.isOwn(user));
    this.emit("change", undefined);
  }

  /**
   * Brings the room to the front, or somewhere else in it: to its newest entries, to where reading
   * ended, or to a place, with some entries before that.
   */
  show(at: Opening = "end"): void {
    this.shown = true;
    if (this.phase === "joined" && this.#holds(at)) {
      this.#timeline.follow(typeof at !== "object");
      if (this.entries.length < CONTEXT) void this.loadOlder();
    } else {
      this.#entrance.opening = at;
      if (this.#link.online) this.#joinAgain();
    }
    this.emit("change", undefined);
  }

  /** Puts the room into the background: it stays joined, and only counts what is unread. */
  hide(): void {
    this.shown = false;
    this.#entrance.opening = undefined;
    this.#typing.set(false);
    this.#timeline.follow(true);
    this.emit("change", undefined);
  }

  /** Everything up to here was read; without a place, everything that we hold. */
  read(to: Position | undefined = this.#timeline.position): void {
    if (to === undefined || !this.#reading.read(to, this.#timeline.epoch)) return;
    this.#tellSeen();
    this.emit("change", undefined);
  }

  /** Says that we are writing, or no longer; at every key, if you like. Sending ends it. */
  typing(on: boolean): void {
    if (this.phase === "joined") this.#typing.set(on);
  }

  /** Asks who is in the room. Rejects with `Refused`, or when `signal` says so. */
  who({ signal }: Pick<Patience, "signal"> = {}): Promise<Who> {
    return granted(this.#link.ask("who", { room: this.key }, { signal }));
  }

  /** Says something, as soon as possible. `false` where too much waits already. */
  send(text: string, { replyTo }: { replyTo?: Position | undefined } = {}): boolean {
    const reply = replyTo && { replyTo: { epoch: replyTo.epoch, offset: replyTo.offset } };
    const message = { id: this.#newId(), text, at: Date.now(), ...reply };
    const added = this.#speaking.outbox.add(message, this.phase === "joined");
    this.#typing.set(false);
    if (added) this.#speaking.pump();
    this.emit("change", undefined);
    return added;
  }

  /** Sends again what was refused. */
  retry(id: string): void {
    this.#speaking.outbox.retry(id);
    this.#speaking.pump();
    this.emit("change", undefined);
  }

  /** Takes back what is not yet in the log. */
  cancel(id: string): Outgoing | undefined {
    const item = this.#speaking.outbox.cancel(id);
    this.emit("change", undefined);
    return item;
  }

  /** Says whether the end is being read. */
  follow(following: boolean): void {
    if (following === this.following) return;
    this.#take(false, () => this.#timeline.follow(following));
  }

  /** Reads a page of what comes before. */
  async loadOlder(): Promise<void> {
    const full = this.following && this.entries.length >= ENTRIES_MAX;
    if (this.phase !== "joined" || this.loading.older || !this.older || full) return;
    const before = this.#timeline.first;
    await this.#page("older", { before }, (page) => this.#timeline.pagedBefore(page, before));
  }

  /** Reads a page of what comes after. */
  async loadNewer(): Promise<void> {
    if (this.phase !== "joined" || this.loading.newer || this.ahead === 0) return;
    const after = this.#timeline.last;
    await this.#page("newer", { after }, (page) => this.#timeline.pagedAfter(page, after));
  }

  /** Leaves the place that is being read for the newest entries. */
  async jumpToNewest(): Promise<void> {
    if (this.ahead > 0 && this.phase === "joined") {
      this.#entrance.opening = "end";
      await this.#joinAgain();
    }
    this.follow(true);
  }

  /** Whether what we hold is enough to open the room there. */
  #holds(at: Opening): boolean {
    const { epoch, first, last, older } = this.#timeline;
    if (typeof at === "object") {
      return epoch === at.epoch && first <= at.offset && at.offset <= last;
    }
    if (epoch === undefined || this.ahead > 0) return false;
    if (at === "end" || this.unread === 0 || !older) return true;
    const { seen } = this.#reading;
    return seen?.epoch === epoch && first <= seen.offset + 1;
  }

  #joinAgain(): Promise<void> {
    this.#life += 1;
    this.loading = { older: false, newer: false };
    return this.#join();
  }

  async #join(): Promise<void> {
    const life = this.#life;
    this.#callOffRetry?.();
    const { shown, seen } = this;
    const asked = this.#entrance.ask({ shown, seen, position: this.#timeline.position });
    const { limit, after } = asked;
    const takes = { room: this.key, limit, ...(after && { after }) };
    // Live entries may come in the same packet as the answer that they stand behind.
    const heard = (answer: Answer<"join">) => {
      if (answer.ok && life === this.#life) this.#joined(answer, asked);
    };
    const answer = await answerTo(this.#link.request("join", takes, heard));
    if (answer?.ok === true || life !== this.#life) return;
    if (answer === undefined || isPassing(answer.error)) {
      const ms = answer?.error.retryAfterMs ?? RETRY_MS;
      this.#callOffRetry = this.#later(ms, () => void this.#join());
    } else {
      this.phase = "refused";
      this.refusal = answer.error;
      this.emit("change", undefined);
    }
  }

  #joined(answer: Joined, asked: Asked): void {
    if (this.#entrance.again(answer, asked)) {
      void this.#join();
      return;
    }
    this.key = answer.room;
    this.phase = "joined";
    this.refusal = undefined;
    this.title = answer.title;
    this.topic = answer.topic;
    this.members = answer.members;
    const { epoch, head: offset } = answer;
    const { after, opens } = asked;
    const opened = this.#entrance.entered();
    const before = this.#end;
    if (opens !== undefined && answer.reset !== true) this.#timeline.begin(after ?? opens);
    const standing = this.#timeline.standing(answer, after);
    if (standing === "apart") this.#lostFrom ??= lostFrom(answer, asked, before?.epoch);
    if (standing === "apart" || opens !== undefined) this.#leap({ epoch, offset });
    // A long absence is not scrolled past: what was being read stays, and the rest can be paged.
    const stays = this.shown && (!this.#catchUp || opens !== undefined);
    if (standing === "continues" && answer.more && stays) this.#timeline.follow(false);
    this.#take(false, () => this.#timeline.joined(answer, after));
    for (const entry of answer.entries) this.#sawOwn(entry);
    if (!this.#isJoined()) return;
    if (this.#reading.begin({ epoch, offset })) this.#tellSeen();
    const lost = this.#lostFrom;
    this.#lostFrom = undefined;
    const missed = before?.epoch === epoch ? offset - before.offset : 0;
    if (lost !== undefined) this.emit("reset", { restarted: lost !== epoch });
    else if (!opened && missed > 0) this.emit("recovered", { count: missed });
    this.#speaking.pump();
  }

  async #page(
    way: "older" | "newer",
    range: { before: number } | { after: number },
    take: (page: Stretch) => Next,
  ): Promise<void> {
    const life = this.#life;
    this.loading = { ...this.loading, [way]: true };
    this.emit("change", undefined);
    const request = this.#link.request("history", { room: this.key, limit: PAGE, ...range });
    const answer = await answerTo(request);
    if (life !== this.#life) return;
    if (answer?.ok === true) {
      this.loading = { ...this.loading, [way]: false };
      this.#take(false, () => take(answer));
      return;
    }
    // Asked for again only after a while, so that an unreachable log is not hammered.
    this.#callOffRetry?.();
    this.#callOffRetry = this.#later(answer?.error.retryAfterMs ?? RETRY_MS, () => {
      this.loading = { older: false, newer: false };
      this.emit("change", undefined);
      this.#readOn();
    });
  }

  /** Lets the timeline take something, tells of what came behind, and does what is next. */
  #take(live: boolean, take: () => Next): void {
    const next = take();
    this.#told ??= this.#timeline.position;
    for (const entry of this.entries) {
      if (this.#told === undefined || entry.epoch !== this.#told.epoch) break;
      if (entry.offset <= this.#told.offset) continue;
      this.#told = { epoch: entry.epoch, offset: entry.offset };
      this.#sawOwn(entry);
      this.emit("entry", { entry, live });
    }
    this.#settle();
    if (next === "rejoin") this.#startAfresh();
    else this.#readOn();
    this.emit("change", undefined);
  }

  /** Closes what is missing at the end, where the end is being read. */
  #readOn(): void {
    if (this.shown && this.following && this.ahead > 0) void this.loadNewer();
  }

  /** What we hold can't be continued: takes the newest entries in its place, and says so. */
  #startAfresh(): void {
    if (this.phase !== "joined") return;
    this.phase = "away";
    this.#lostFrom = this.#timeline.epoch;
    if (this.shown) this.#entrance.opening = "end";
    void this.#joinAgain();
  }

  /** What comes up to there is not told as news. What was told already is not told again. */
  #leap(to: Position): void {
    if (this.#told?.epoch !== to.epoch || this.#told.offset < to.offset) this.#told = to;
  }

  /** Goes on behind a place, as after a reconnect. */
  #goOnFrom(after: Position): void {
    this.#timeline.begin(after);
    this.#told = this.#timeline.position;
  }

  #isJoined(): boolean {
    return this.phase === "joined";
  }

  get #end(): Position | undefined {
    const { epoch, head } = this.#timeline;
    return epoch === undefined ? undefined : { epoch, offset: head };
  }

  #sawOwn(entry: Entry): void {
    if (!this.#link.isOwn(entry.user)) return;
    this.#speaking.outbox.seen(entry);
    if (this.#reading.sawOwn(entry)) this.#tellSeen();
  }

  /** What stands in the log where we have been is no longer on its way. */
  #settle(): void {
    const { position } = this.#timeline;
    if (position !== undefined) this.#speaking.outbox.covered(position);
  }

  #tellSeen(): void {
    const { seen } = this.#reading;
    if (seen !== undefined) this.emit("seen", seen);
  }

  #tellTyping(on: boolean): void {
    if (this.phase !== "joined") return;
    void answerTo(this.#link.request("typing", { room: this.key, on }));
  }
}
