// The promises that hold whatever happens to the connection and the log: nothing is missing,
// nothing comes twice, and what can't be had is said. Each seed is another run of accidents.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Position } from "../client/protocol.ts";
import { Room, type RoomOptions } from "../client/room.ts";
import { ENTRIES_MAX } from "../client/timeline.ts";
import { Later, Log, ME, Pipe, seeded } from "./support.ts";

const SEEDS = 60;
const STEPS = 120;

const LAG_MAX = 3;

interface Run {
  random: (below: number) => number;
  log: Log;
  pipe: Pipe;
  later: Later;
  room: Room;
  /** Texts in the order of writing. */
  written: string[];
  /** How often the log lost something. */
  losses: number;
  /** What the room was told by then may be left out next: it was not on the screen all the time. */
  leaps: boolean;
  /** The last that `entry` and `seen` told. */
  told: { last?: Position | undefined; read?: Position | undefined };
  /** What was told and should not have been. */
  broken: string[];
}

function start(seed: number): Run {
  const random = seeded(seed);
  const log = new Log();
  const pipe = new Pipe(log);
  const later = new Later();
  log.grow(random(400));
  const seen = random(2) === 0 ? undefined : { epoch: log.epoch, offset: random(log.head + 1) };
  const background = random(4) === 0;
  const how = { seen, background, at: random(2) === 0 ? "end" : "unread" } as const;
  const run: Run = {
    random,
    log,
    pipe,
    later,
    room: new Room(pipe, "r"),
    written: [],
    losses: 0,
    leaps: true,
    told: {},
    broken: [],
  };
  live(run, { ...how, catchUp: random(2) === 0 });
  return run;
}

let made = 0;

/** Another life of the program, which begins with what was written down. */
function live(run: Run, how: RoomOptions): void {
  const { later } = run.later;
  run.room = new Room(run.pipe, "r", { later, newId: () => `mine-${made++}`, ...how });
  watch(run);
}

function startAgain(run: Run): void {
  const { position: after, seen, outgoing: unsent, shown, phase } = run.room;
  run.pipe.drop();
  run.later.forget();
  // Who was not yet where they wanted to be has no place to go on from.
  run.leaps ||= !shown || phase !== "joined" || after === undefined;
  live(run, { after, seen, unsent, background: !shown });
  run.pipe.connect(run.room);
}

/** Entries are told in order, each once; only a reset may begin anew. */
function watch(run: Run): void {
  const { room, told, broken } = run;
  room.on("reset", () => {
    if (run.losses === 0) broken.push("a loss is told, and nothing was lost");
    told.last = undefined;
  });
  room.on("entry", ({ entry: { epoch, offset } }) => {
    const { last } = told;
    const goesOn = last?.epoch === epoch && offset > last.offset;
    const leaps = run.leaps || !room.shown || offset === (last?.offset ?? 0) + 1;
    if (last !== undefined && !(goesOn && leaps)) broken.push(`${offset} after ${last.offset}`);
    told.last = { epoch, offset };
    run.leaps = !room.shown;
  });
  room.on("seen", (seen) => {
    const { read } = told;
    const back = read?.epoch === seen.epoch && read.offset >= seen.offset;
    if (back) broken.push(`read up to ${seen.offset} after ${read.offset}`);
    told.read = seen;
  });
}

type Accident = (run: Run) => void | Promise<void>;

const travel: Accident[] = [
  ({ pipe }) => pipe.serve(),
  ({ pipe }) => pipe.serve(),
  ({ pipe }) => pipe.deliver(),
  ({ pipe }) => pipe.deliver(),
  ({ pipe }) => pipe.deliver(),
  ({ pipe, random }) => pipe.deliverTogether(random(9)),
  ({ later }) => later.goOff(),
];

const accidents: Accident[] = [
  ...travel,
  ({ log, random }) => log.grow(random(3)),
  ({ log, random }) => log.grow(random(250)),
  ({ room, written }) => {
    if (room.send(`text-${written.length}`)) written.push(`text-${written.length}`);
  },
  ({ pipe, random }) => {
    pipe.refuseWith = { code: "unavailable", stored: random(2) === 0 };
  },
  ({ pipe, room }) => (pipe.online ? pipe.drop() : pipe.connect(room)),
  ({ pipe, room }) => (pipe.online ? undefined : pipe.connect(room)),
  ({ room, random }) => room.follow(random(2) === 0),
  ({ room }) => void room.loadOlder(),
  ({ room }) => void room.loadNewer(),
  ({ room }) => room.read(),
  ({ pipe, random }) => {
    pipe.lag = random(LAG_MAX);
  },
  (run) => {
    run.leaps = true;
    if (run.random(2) === 0) run.room.hide();
    else run.room.show(run.random(2) === 0 ? "end" : "unread");
  },
  (run) => {
    if (run.random(5) === 0) startAgain(run);
  },
];

const losses: Accident[] = [
  (run) => {
    run.losses += 1;
    run.log.trim(run.random(20));
  },
  (run) => {
    run.losses += 1;
    run.log.restart(run.random(5));
    run.pipe.announceReset();
  },
];

function checkWindow({ room, broken }: Run): void {
  assert.deepEqual(broken, []);
  const [first] = room.entries;
  assert.ok(room.entries.length <= ENTRIES_MAX);
  const whole = room.entries.every(({ epoch, offset }, i) => {
    return epoch === first?.epoch && offset === first.offset + i;
  });
  assert.ok(whole, "a hole or a double");
  const { seen, unread, head, position } = room;
  if (position === undefined || seen === undefined) return;
  const after = seen.epoch === position.epoch ? seen.offset : 0;
  assert.equal(unread, Math.max(0, head - after));
}

/** The accidents end: the connection stands, and everything that waits gets its turn. */
async function calmDown({ pipe, room, later, random }: Run): Promise<void> {
  if (!pipe.online) pipe.connect(room);
  await pipe.flush();
  if (!room.shown) room.show(random(2) === 0 ? "end" : "unread");
  await pipe.flush();
  // Who does not catch up stays where the connection was lost, until asked to read on.
  room.follow(true);
  for (let i = 0; i < 500 && !(pipe.idle && later.waiting === 0); i += 1) {
    await pipe.flush();
    await later.goOff();
    room.follow(true);
  }
  assert.ok(pipe.idle && later.waiting === 0, "it never comes to rest");
}

function checkEnd(run: Run): void {
  const { log, room, written } = run;
  assert.equal(room.phase, "joined");
  assert.equal(room.ahead, 0);
  assert.equal(room.head, log.head);
  const shown = room.entries.map(({ offset, id }) => `${offset} ${id}`);
  const kept = log.entries.map(({ offset, id }) => `${offset} ${id}`);
  const common = Math.min(shown.length, kept.length);
  assert.deepEqual(shown.slice(-common), kept.slice(-common), "the end is the log's end");
  assert.deepEqual(room.outgoing, [], "nothing waits any more");
  const mine = log.entries.filter(({ user }) => user === ME).map(({ text }) => text);
  assert.equal(new Set(mine).size, mine.length, "a message was said twice");
  if (run.losses === 0) assert.deepEqual(mine, written, "a message is missing or out of order");
}

async function runThrough(seed: number, with_: readonly Accident[]): Promise<void> {
  const run = start(seed);
  run.pipe.connect(run.room);
  for (let step = 0; step < STEPS; step += 1) {
    await with_[run.random(with_.length)]?.(run);
    checkWindow(run);
  }
  await calmDown(run);
  checkWindow(run);
  checkEnd(run);
}

async function eachSeed(with_: readonly Accident[]): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      await runThrough(seed, with_);
    } catch (error) {
      const why = error instanceof Error ? error.stack : error;
      throw new Error(`seed ${seed}: ${why}`, { cause: error });
    }
  }
}

test("whatever happens to the connection, nothing is missing and nothing comes twice", () =>
  eachSeed(accidents));

test("whatever the log loses, what is shown has no hole, and the loss is said", () =>
  eachSeed([...accidents, ...losses]));
