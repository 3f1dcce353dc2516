// A room's log and a connection to it, without a network: what is asked and what comes back wait
// in queues that the test empties step by step, in an order of its own.

import type { Link } from "../client/asking.ts";
import { Unanswered } from "../client/connection.ts";
import type { Answer, Code, Command, Entry, Joined, Stretch, Takes } from "../client/protocol.ts";
import type { Room } from "../client/room.ts";

export const ME = "u-me";

/** Random numbers that come again with the same seed. */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Lets promises settle. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export function entryAt(offset: number, more: Partial<Entry> = {}): Entry {
  const id = `id-${offset}`;
  const text = `text ${offset}`;
  const at = offset * 1_000;
  return { room: "r", epoch: "e1", offset, id, kind: "message", user: "u", text, at, ...more };
}

/** Entries from one offset to another, both included. */
export const entriesOf = (from: number, to: number, epoch = "e1"): Entry[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => entryAt(from + i, { epoch }));

/** The log of one room. */
export class Log {
  epoch = "e1";
  entries: Entry[] = [];
  head = 0;
  readonly listeners = new Set<(entry: Entry) => void>();

  append(user: string, id: string, text: string): Entry & { duplicate?: boolean } {
    const known = user === ME && this.entries.find((entry) => entry.user === ME && entry.id === id);
    if (known) return { ...known, duplicate: true };
    this.head += 1;
    const entry = entryAt(this.head, { epoch: this.epoch, user, id, text });
    this.entries.push(entry);
    for (const listener of this.listeners) listener(entry);
    return entry;
  }

  grow(count: number): void {
    for (let i = 0; i < count; i += 1) this.append("u", `other-${this.epoch}-${this.head}`, "x");
  }

  /** Forgets all but the newest entries. */
  trim(kept: number): void {
    this.entries = this.entries.slice(-kept);
  }

  /** Loses its past: a new life, in which a few entries are left. */
  restart(kept: number): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    const left = kept === 0 ? [] : this.entries.slice(-kept);
    this.entries = left.map((entry, i) => ({ ...entry, epoch: this.epoch, offset: i + 1 }));
    this.head = this.entries.length;
  }

  page({
    before,
    after,
    limit = 50,
  }: {
    before?: number;
    after?: number;
    limit?: number;
  }): Stretch {
    const { epoch, head } = this;
    const asked =
      after === undefined
        ? this.entries.filter((entry) => before === undefined || entry.offset < before)
        : this.entries.filter((entry) => entry.offset > after);
    const entries = after === undefined ? asked.slice(-limit) : asked.slice(0, limit);
    return { epoch, head, entries, more: asked.length > limit };
  }

  /** As an instance answers that has not yet heard of the newest `lag` entries. */
  join({ after, limit = 50 }: Takes<"join">, lag = 0): Joined {
    const known = new Log();
    known.epoch = this.epoch;
    known.head = Math.max(0, this.head - lag);
    known.entries = this.entries.filter(({ offset }) => offset <= known.head);
    const first = known.entries[0]?.offset ?? known.head + 1;
    const { epoch, offset = 0 } = after ?? {};
    const reaches = epoch === known.epoch && offset >= first - 1 && offset <= known.head;
    const answer = { room: "r", members: 1 };
    if (after === undefined) return { ...answer, ...known.page({ limit }) };
    if (reaches) return { ...answer, ...known.page({ limit, after: offset }) };
    return { ...answer, ...known.page({ limit }), reset: true };
  }
}

interface Asked {
  command: Command;
  takes: Takes<Command>;
  resolve: (answer: Answer<Command>) => void;
  reject: (error: Unanswered) => void;
}

/** A connection to the log. Everything that travels waits until the test lets it pass. */
export class Pipe implements Link {
  online = false;
  /** What `send` is answered with, instead of being carried out. */
  refuseWith: { code: Code; stored: boolean } | undefined;
  /** How many entries the instance of the next `join` has not yet heard of. */
  lag = 0;
  readonly asked: Command[] = [];
  readonly takes: Takes<Command>[] = [];
  readonly #log: Log;
  #up: Asked[] = [];
  #down: (() => void)[] = [];
  #unanswered = new Set<Asked>();
  #joined = false;
  #room: Room | undefined;

  constructor(log: Log) {
    this.#log = log;
    log.listeners.add((entry) => this.#hear(entry));
  }

  isOwn(user: string): boolean {
    return user === ME;
  }

  get idle(): boolean {
    return this.#up.length === 0 && this.#down.length === 0;
  }

  request<C extends Command>(
    command: C,
    takes: Takes<C>,
    heard?: (answer: Answer<C>) => void,
  ): Promise<Answer<C>> {
    if (!this.online) return Promise.reject(new Unanswered("offline"));
    this.asked.push(command);
    this.takes.push(takes);
    return new Promise((resolve, reject) => {
      const answered = (answer: Answer<C>) => {
        heard?.(answer);
        resolve(answer);
      };
      const asked = { command, takes, resolve: answered as Asked["resolve"], reject };
      this.#up.push(asked);
      this.#unanswered.add(asked);
    });
  }

  ask<C extends Command>(command: C, takes: Takes<C>): Promise<Answer<C>> {
    return this.request(command, takes);
  }

  connect(room: Room): void {
    this.#room = room;
    this.online = true;
    room.enter();
  }

  drop(): void {
    this.online = false;
    this.#joined = false;
    this.#up = [];
    this.#down = [];
    const lost = [...this.#unanswered];
    this.#unanswered.clear();
    for (const asked of lost) asked.reject(new Unanswered("dropped"));
    this.#room?.lost();
  }

  /** The server carries out the oldest command. */
  serve(): void {
    const asked = this.#up.shift();
    if (asked === undefined) return;
    const lag = asked.command === "join" ? this.lag : 0;
    const answer = this.#carryOut(asked, lag);
    this.#down.push(() => {
      this.#unanswered.delete(asked);
      asked.resolve(answer);
    });
    // What the instance hears of next comes live, behind the answer.
    const { entries, head } = this.#log;
    for (const entry of entries) if (entry.offset > head - lag) this.#hear(entry);
    if (lag > 0) this.lag = 0;
  }

  /** The oldest thing on its way back arrives. */
  async deliver(): Promise<void> {
    this.#down.shift()?.();
    await settled();
  }

  /** The oldest things on their way back arrive in one packet. */
  async deliverTogether(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) this.#down.shift()?.();
    await settled();
  }

  /** Lets pass whatever is on its way, and what comes of it. */
  async flush(): Promise<void> {
    while (!this.idle) {
      this.serve();
      await this.deliver();
    }
  }

  announceReset(): void {
    if (this.#joined) this.#down.push(() => this.#room?.restarted());
  }

  #hear(entry: Entry): void {
    if (this.#joined) this.#down.push(() => this.#room?.live(entry));
  }

  #carryOut({ command, takes }: Asked, lag: number): Answer<Command> {
    switch (command) {
      case "join":
        this.#joined = true;
        return { ok: true, ...this.#log.join(takes as Takes<"join">, lag) };
      case "history":
        return { ok: true, ...this.#log.page(takes as Takes<"history">) };
      case "send": {
        const refusal = this.refuseWith;
        this.refuseWith = undefined;
        const { id, text } = takes as Takes<"send">;
        const placed = refusal?.stored === false ? undefined : this.#log.append(ME, id, text);
        if (refusal !== undefined || placed === undefined) {
          const code = refusal?.code ?? "internal";
          return { ok: false, error: { code, message: code } };
        }
        const { room, epoch, offset, at } = placed;
        return { ok: true, room, epoch, offset, id, at };
      }
      default:
        return { ok: true };
    }
  }
}

/** Timers that go off when the test says so. */
export class Later {
  #waiting: (() => void)[] = [];

  readonly later = (_ms: number, then: () => void) => {
    this.#waiting.push(then);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== then);
    };
  };

  get waiting(): number {
    return this.#waiting.length;
  }

  forget(): void {
    this.#waiting = [];
  }

  async goOff(): Promise<void> {
    this.#waiting.shift()?.();
    await settled();
  }
}
