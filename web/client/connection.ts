// The life of one connection to a server: whether it stands, who welcomed us, and commands with
// their answers. Reconnecting is socket.io-client's work; what is said again afterwards is the
// rooms' (room.ts).

import { Emitter } from "./emitter.ts";
import type {
  Answer,
  ClientEvents,
  Command,
  Entry,
  Notice,
  Presence,
  Reset,
  ServerEvents,
  Takes,
  TypingNow,
  Welcome,
} from "./protocol.ts";

/** How long a command's answer is waited for; the server answers a `send` within 5 seconds. */
export const ANSWER_WAIT_MS = 10_000;

/** How long the welcome is waited for, once connected. */
export const WELCOME_WAIT_MS = 10_000;

/** How many users we remember to have been. */
const USERS_MAX = 16;

/**
 * `connecting`: for the first time. `online`: welcomed. `offline`: lost, and being tried again.
 * `refused`: the server does not want us, or ended it; nothing is tried by itself.
 */
export type Phase = "idle" | "connecting" | "online" | "offline" | "refused";

/** Whether and how we are connected. */
export interface Status {
  readonly phase: Phase;
  /** The log can't be reached by the server; what is sent waits. */
  readonly degraded: boolean;
  /** `websocket` or `polling`, while connected. */
  readonly transport?: string;
  /** How long the last answer took. */
  readonly roundTripMs?: number;
  /** What the server said when it refused us, and its code where it gave one. */
  readonly reason?: string;
  readonly code?: string;
}

/** The command was not answered: the connection ended, or it took too long. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";
}

/** The part of socket.io-client's socket that is used here. */
export interface Wire {
  on(event: string, listener: (value: never) => void): unknown;
  emit<C extends Command>(event: C, ...args: Parameters<ClientEvents[C]>): unknown;
  connect(): unknown;
  disconnect(): unknown;
  /** Whether it goes on trying by itself. */
  readonly active: boolean;
  readonly connected: boolean;
  readonly io: {
    readonly engine?: {
      readonly transport: { readonly name: string };
      on(event: "upgrade", listener: () => void): unknown;
      close(): unknown;
    };
  };
}

/** What one proves to be oneself with; `token` comes with a welcome. */
export interface Identity {
  name: string;
  token?: string | undefined;
}

interface Heard {
  status: Status;
  welcome: Welcome;
  /** The connection, or the welcome of one, is gone. */
  lost: undefined;
  entry: Entry;
  reset: Reset;
  presence: Presence;
  typing: TypingNow;
  notice: Notice;
}

/** A connection that comes back by itself. */
export class Connection extends Emitter<Heard> {
  status: Status = { phase: "idle", degraded: false };
  welcome: Welcome | undefined;

  readonly #wire: Wire;
  readonly #identity: Identity;
  readonly #users = new Set<string>();
  readonly #waiting = new Set<(error: Unanswered) => void>();
  #welcomeTimer: ReturnType<typeof setTimeout> | undefined;

  /** `identity` is read at every connect, and given the token of the welcome. */
  constructor(wire: Wire, identity: Identity) {
    super();
    this.#wire = wire;
    this.#identity = identity;
    this.#listen();
  }

  get online(): boolean {
    return this.status.phase === "online";
  }

  /**
   * Whether we are this user, or were at an earlier welcome: a server whose secret is another one
   * takes us for somebody new, and what we said before is ours all the same.
   */
  isOwn(user: string): boolean {
    return this.#users.has(user);
  }

  connect(): void {
    const { reason: _reason, code: _code, ...status } = this.status;
    this.status = status;
    this.#become({ phase: this.welcome === undefined ? "connecting" : "offline" });
    this.#wire.connect();
  }

  close(): void {
    this.#wire.disconnect();
    this.#lose("idle");
  }

  /** We bear another name from now on. */
  renamed(name: string): void {
    if (this.welcome !== undefined) this.welcome = { ...this.welcome, name };
    this.#become({});
  }

  /**
   * Sends a command and waits for its answer. Rejects with `Unanswered`. `heard` is given the
   * answer before any event that came behind it; whoever awaits the promise may be later than that.
   */
  request<C extends Command>(
    command: C,
    takes: Takes<C>,
    heard?: (answer: Answer<C>) => void,
  ): Promise<Answer<C>> {
    if (!this.online) return Promise.reject(new Unanswered("not connected"));
    return new Promise((resolve, reject) => {
      const sent = performance.now();
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(fail);
      };
      const fail = (error: Unanswered) => {
        end();
        reject(error);
      };
      const timer = setTimeout(() => fail(new Unanswered("no answer in time")), ANSWER_WAIT_MS);
      this.#waiting.add(fail);
      const answered = (answer: Answer<C>) => {
        if (!this.#waiting.has(fail)) return;
        end();
        this.#become({ roundTripMs: performance.now() - sent });
        heard?.(answer);
        resolve(answer);
      };
      this.#wire.emit<C>(command, ...([takes, answered] as Parameters<ClientEvents[C]>));
    });
  }

  #listen(): void {
    this.#hear("palabre:welcome", (welcome) => this.#welcomed(welcome));
    this.#hear("entry", (entry) => this.emit("entry", entry));
    this.#hear("reset", (reset) => this.emit("reset", reset));
    this.#hear("presence", (presence) => this.emit("presence", presence));
    this.#hear("typing", (typing) => this.emit("typing", typing));
    this.#hear("notice", (notice) => this.#noticed(notice));
    this.#wire.on("connect", () => this.#connected());
    this.#wire.on("disconnect", (reason: string) => {
      if (reason === "io client disconnect") return;
      this.#lose(this.#wire.active ? "offline" : "refused", reason);
    });
    this.#wire.on("connect_error", (error: Error & { data?: { code?: string } }) => {
      if (this.#wire.active) {
        // The transport failed, and is tried again.
        if (this.welcome !== undefined) this.#lose("offline");
      } else if (error.data?.code === "unauthorized" && this.#forgetToken()) {
        this.#wire.connect();
      } else {
        this.#lose("refused", error.message, error.data?.code);
      }
    });
  }

  #hear<E extends keyof ServerEvents>(event: E, listener: ServerEvents[E]): void {
    this.#wire.on(event, listener as (value: never) => void);
  }

  #connected(): void {
    const engine = this.#wire.io.engine;
    engine?.on("upgrade", () => this.#become(this.#transport()));
    clearTimeout(this.#welcomeTimer);
    // A server that never says who it is can't be talked to; another instance may do better.
    this.#welcomeTimer = setTimeout(() => engine?.close(), WELCOME_WAIT_MS);
  }

  #welcomed(welcome: Welcome): void {
    clearTimeout(this.#welcomeTimer);
    this.welcome = welcome;
    if (this.#users.size >= USERS_MAX) this.#users.clear();
    this.#users.add(welcome.user);
    if (welcome.token !== undefined) this.#identity.token = welcome.token;
    this.#identity.name = welcome.name;
    const { roundTripMs: _old, reason: _reason, code: _code, ...status } = this.status;
    this.status = { ...status, phase: "online", degraded: false, ...this.#transport() };
    this.emit("welcome", welcome);
    this.emit("status", this.status);
  }

  #noticed(notice: Notice): void {
    if (notice.code === "degraded") this.#become({ degraded: true });
    if (notice.code === "healed") this.#become({ degraded: false });
    this.emit("notice", notice);
  }

  #transport(): { transport?: string } {
    const name = this.#wire.io.engine?.transport.name;
    return name === undefined ? {} : { transport: name };
  }

  /** A token that the server does not accept (its secret changed) is given up. */
  #forgetToken(): boolean {
    if (this.#identity.token === undefined) return false;
    this.#identity.token = undefined;
    return true;
  }

  #lose(phase: Phase, reason?: string, code?: string): void {
    clearTimeout(this.#welcomeTimer);
    const { degraded } = this.status;
    const said = { ...(reason !== undefined && { reason }), ...(code !== undefined && { code }) };
    this.status = { phase, degraded, ...said };
    for (const fail of [...this.#waiting]) fail(new Unanswered("the connection ended"));
    this.emit("lost", undefined);
    this.emit("status", this.status);
  }

  #become(change: Partial<Status>): void {
    this.status = { ...this.status, ...change };
    this.emit("status", this.status);
  }
}
