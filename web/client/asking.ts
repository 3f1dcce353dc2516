// Commands that are asked again until they are answered, whatever the connection does. Only such
// as may be carried out twice are asked this way; a message has its own way (speaking.ts).

import { type Connection, Unanswered } from "./connection.ts";
import { type Later, laterByTimer } from "./later.ts";
import type { Answer, Command, Refusal, Takes } from "./protocol.ts";

/** Commands that may wait for their answers at once; further ones are not taken. */
export const ASKED_MAX = 50;

/** Wait before what could not be had is asked for again, where the server names none. */
export const RETRY_MS = 2_000;

/** Who is to come back later than this is told so, and does not wait. */
export const WAITED_MS_MAX = 5_000;

/** What rooms need of a connection. */
export interface Link {
  readonly online: boolean;
  /** Whether we are this user, or were before a reconnect. */
  isOwn(user: string): boolean;
  /** Asks once. Rejects with `Unanswered`. `heard` hears the answer before what came behind it. */
  request<C extends Command>(
    command: C,
    takes: Takes<C>,
    heard?: (answer: Answer<C>) => void,
  ): Promise<Answer<C>>;
  /** Asks until there is an answer, or `signal` says that it is not wanted any more. */
  ask<C extends Command>(command: C, takes: Takes<C>, how?: Patience): Promise<Answer<C>>;
}

/** How long something is asked for. */
export interface Patience {
  /** Ends it; the promise is rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** It may have been carried out, and is asked again. */
  doubtful?: () => void;
}

/** The server has refused a command. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** A connection that can be asked patiently. */
export class Asking implements Link {
  readonly #connection: Connection;
  readonly #later: Later;
  #asked = 0;

  constructor(connection: Connection, later: Later = laterByTimer) {
    this.#connection = connection;
    this.#later = later;
  }

  get online(): boolean {
    return this.#connection.online;
  }

  isOwn(user: string): boolean {
    return this.#connection.isOwn(user);
  }

  request<C extends Command>(
    command: C,
    takes: Takes<C>,
    heard?: (answer: Answer<C>) => void,
  ): Promise<Answer<C>> {
    return this.#connection.request(command, takes, heard);
  }

  async ask<C extends Command>(
    command: C,
    takes: Takes<C>,
    { signal, doubtful }: Patience = {},
  ): Promise<Answer<C>> {
    if (this.#asked >= ASKED_MAX) throw new Unanswered("too many commands wait for answers");
    this.#asked += 1;
    try {
      for (;;) {
        await this.#untilOnline(signal);
        const answer = await unlessGivenUp(answerTo(this.request(command, takes)), signal);
        if (answer !== undefined && (answer.ok || !isBrief(answer.error))) return answer;
        if (answer?.error.code !== "rate_limited") doubtful?.();
        if (this.online) await this.#rest(answer?.error.retryAfterMs ?? RETRY_MS, signal);
      }
    } finally {
      this.#asked -= 1;
    }
  }

  /** Waits until we are welcomed. Rejects with `Unanswered` where nobody tries to connect. */
  #untilOnline(signal: AbortSignal | undefined): Promise<void> {
    const connection = this.#connection;
    let end = () => {};
    const online = new Promise<void>((resolve, reject) => {
      const look = () => {
        const { phase } = connection.status;
        if (phase === "online") resolve();
        if (phase === "idle" || phase === "refused") reject(new Unanswered("not connected"));
      };
      end = connection.on("status", look);
      look();
    });
    return unlessGivenUp(online, signal).finally(() => end());
  }

  #rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
    let callOff = () => {};
    const rest = new Promise<void>((resolve) => {
      callOff = this.#later(ms, resolve);
    });
    return unlessGivenUp(rest, signal).finally(() => callOff());
  }
}

/** The answer, or `undefined` where none came. */
export async function answerTo<A>(request: Promise<A>): Promise<A | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof Unanswered) return undefined;
    throw error;
  }
}

/** Whether the same may be asked again later. */
export function isPassing(refusal: Refusal): boolean {
  return refusal.code === "unavailable" || refusal.code === "rate_limited";
}

/** Whether that may be waited for. */
function isBrief(refusal: Refusal): boolean {
  return isPassing(refusal) && (refusal.retryAfterMs ?? 0) <= WAITED_MS_MAX;
}

/** What a command answered; rejects with `Refused` where it was refused. */
export async function granted<A extends { ok: true }>(
  answer: Promise<A | { ok: false; error: Refusal }>,
): Promise<A> {
  const given = await answer;
  if (given.ok) return given;
  throw new Refused(given.error);
}

async function unlessGivenUp<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let giveUp = () => {};
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
  });
  try {
    return await Promise.race([promise, givenUp]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
