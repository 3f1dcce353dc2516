// python-socketio's two clients, as programs of their own that speak JSON lines.

import { fileURLToPath } from 'node:url';
import { Program } from './program.js';
import { until } from './waiting.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PYTHON = here('../.venv/bin/python');
const PROGRAMS = {
  threads: here('../clients/python_stock.py'),
  asyncio: here('../clients/python_async_stock.py'),
};

export class PythonStock {
  /** Everything that came as `chat message`, and the acknowledgements by number. */
  heard = [];
  answers = new Map();
  #read = 0;
  #asked = 0;

  /** `kind` is `threads`, which hears in any order, or `asyncio`. */
  static async connect(scope, instance, { kind, transport }) {
    const client = new PythonStock();
    client.name = `python (${kind}) on ${transport} at ${instance.port}`;
    client.isOrdered = kind === 'asyncio';
    const args = [PROGRAMS[kind], instance.url, transport];
    client.program = new Program(scope, client.name, PYTHON, args);
    client.program.child.stdout.on('data', () => client.#take());
    await until(`${client.name} connects`, () => {
      if (client.program.end) throw new Error(`it ended:\n${client.program.tail()}`);
      return client.connected;
    });
    return client;
  }

  #take() {
    const lines = this.program.stdout.split('\n').slice(0, -1);
    for (const line of lines.slice(this.#read)) {
      const told = JSON.parse(line);
      if (told.connected) this.connected = told.connected;
      if ('heard' in told) this.heard.push(told.heard);
      if ('answer' in told) this.answers.set(told.number, told.answer);
    }
    this.#read = lines.length;
  }

  /** Emits `chat message` with this argument; resolves with the acknowledgement. */
  async say(argument) {
    const number = this.#asked++;
    this.program.child.stdin.write(`${JSON.stringify({ number, argument })}\n`);
    await until(`${this.name}: an acknowledgement`, () => this.answers.has(number));
    return this.answers.get(number);
  }
}
