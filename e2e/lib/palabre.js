// Instances of the real binary.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Program } from './program.js';
import { until } from './waiting.js';

const BUILT = fileURLToPath(new URL('../../target/debug/palabre', import.meta.url));
/** The binary under test. */
export const BINARY = process.env.PALABRE_BIN ?? BUILT;

const LISTENS = /http:\/\/127\.0\.0\.1:(\d+)/g;

/** Starts `palabre serve` on a free port and waits until it listens. */
export async function serve(scope, args = ['--ephemeral'], { env, name = 'palabre' } = {}) {
  const port0 = args.includes('--port') ? [] : ['--port', '0'];
  const program = new Program(scope, name, BINARY, ['serve', ...port0, ...args], { env });
  const [port] = await listening(program, 1);
  return new Instance(program, port);
}

/** Starts `palabre serve` and waits until it hears itself through its broker. */
export async function ready(scope, args, options) {
  const instance = await serve(scope, args, options);
  await instance.ready();
  return instance;
}

/** Several instances that share one Redis, all ready, and known to each other. */
export async function cluster(scope, count, redis, args = []) {
  const names = Array.from({ length: count }, (_, at) => `palabre-${at}`);
  const own = ['--redis', redis.url, '--rate-limit', 'none', ...args];
  const instances = await Promise.all(names.map((name) => ready(scope, own, { name })));
  for (const instance of instances) await instance.knows(count);
  return instances;
}

/** The ports that a program says it listens on, once it has named `count`. */
export async function listening(program, count) {
  return until(`${program.name} says where it listens`, () => {
    assert.equal(program.end, undefined, `it ended:\n${program.tail()}`);
    const ports = new Set(Array.from(program.output.matchAll(LISTENS), (match) => +match[1]));
    return ports.size >= count && [...ports];
  });
}

/** Runs it to its end, and gives its exit code and output. */
export async function run(scope, args, { env } = {}) {
  const program = new Program(scope, 'palabre', BINARY, args, { env });
  const { code, error } = await program.exit();
  if (error) throw error;
  return { code, output: program.output, stdout: program.stdout };
}

export class Instance {
  constructor(program, port) {
    this.program = program;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  fetch(path, options = {}) {
    return fetch(this.url + path, { signal: AbortSignal.timeout(10_000), ...options });
  }

  async status(path) {
    const response = await this.fetch(path);
    await response.arrayBuffer();
    return response.status;
  }

  /** Waits until `/readyz` says so. */
  ready() {
    return until(`${this.program.name} is ready`, async () => {
      return (await this.status('/readyz')) === 200;
    });
  }

  /** Waits until `/readyz` says that it is not. */
  unready() {
    return until(`${this.program.name} is not ready`, async () => {
      return (await this.status('/readyz')) === 503;
    });
  }

  /** Waits until it knows that so many instances share the log, itself included. */
  knows(count) {
    return until(`${this.program.name} knows of ${count} instances`, async () => {
      return (await this.assertHealthy()).get('palabre_instances') === count;
    });
  }

  /** Alive, in its own words and in ours, and with metrics that can be read. */
  async assertHealthy() {
    assert.equal(this.program.end, undefined, `it ended:\n${this.program.tail()}`);
    assert.equal(await this.status('/healthz'), 200);
    const samples = parseMetrics(await (await this.fetch('/metrics')).text());
    assert.ok(samples.size > 0, 'there are metrics');
    assert.doesNotMatch(this.program.output, /panicked at/);
    return samples;
  }
}

const LABEL = /[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"/.source;
const LABELS = `\\{(?:${LABEL}(?:,${LABEL})*)?,?\\}`;
const SAMPLE = new RegExp(`^([a-zA-Z_:][\\w:]*)(${LABELS})? (\\S+)(?: \\S+)?$`);
const COMMENT = /^# (?:(?:HELP|TYPE|UNIT) [a-zA-Z_:][\w:]*(?: .*)?|EOF)$/;
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN)$/;

/** The samples of a Prometheus text, by name and labels; a line that is not of it is an error. */
export function parseMetrics(text) {
  const samples = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || COMMENT.test(line)) continue;
    const sample = SAMPLE.exec(line);
    assert.ok(sample && NUMBER.test(sample[3]), `not a metrics line: ${line}`);
    const key = sample[1] + (sample[2] ?? '');
    assert.ok(!samples.has(key), `twice: ${key}`);
    samples.set(key, Number(sample[3].replace('Inf', 'Infinity')));
  }
  return samples;
}
