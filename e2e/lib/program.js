// A program that a test runs: its output kept, its end awaited, never left behind.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from './waiting.js';

const LINES_SHOWN = 60;
const OUTPUT_KEPT = 4_000_000;

/** A folder of its own for one test, removed at its end. */
export async function folder(scope, name) {
  const path = await mkdtemp(join(tmpdir(), `palabre-${name}-`));
  scope.defer(() => rm(path, { recursive: true, force: true }));
  return path;
}

export class Program {
  /** All that it wrote, both streams in the order of arrival. */
  output = '';
  stdout = '';

  /** Starts it; the environment holds nothing but PATH, HOME and `env`. */
  constructor(scope, name, command, args, { env = {}, cwd } = {}) {
    const { PATH, HOME } = process.env;
    this.name = name;
    const stdio = ['pipe', 'pipe', 'pipe'];
    this.child = spawn(command, args, { cwd, stdio, env: { PATH, HOME, ...env } });
    this.child.stdin.on('error', () => {}); // it may be gone: its end is what counts
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout = (this.stdout + text).slice(-OUTPUT_KEPT);
      this.#keep(text);
    });
    this.child.stderr.setEncoding('utf8').on('data', (text) => this.#keep(text));
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve({ error }));
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    });
    this.ended.then((end) => (this.end = end));
    scope.note(`${name}: ${command} ${args.join(' ')}`, () => this.tail());
    scope.defer(() => this.kill());
  }

  #keep(text) {
    this.output = (this.output + text).slice(-OUTPUT_KEPT);
  }

  /** The last lines, and how it ended. */
  tail() {
    const lines = this.output.trimEnd().split('\n').slice(-LINES_SHOWN);
    return [...lines, `[${this.end ? JSON.stringify(this.end) : 'still running'}]`].join('\n');
  }

  /** How it ended, after having been sent the signal. */
  async stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    return this.exit();
  }

  /** How it ended. */
  exit() {
    return within(`the end of ${this.name}`, this.ended);
  }

  async kill() {
    if (this.end) return;
    this.child.kill('SIGCONT'); // a frozen one too
    await this.stop('SIGKILL');
  }
}
