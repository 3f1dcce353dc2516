// A real redis-server of a test's own, which can be stopped, started again and frozen.

import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { folder, Program } from './program.js';
import { until, within } from './waiting.js';

const PORT_FIRST = 20_000;
const PORT_LAST = 31_999;
/** Who starts several programs at once takes the ports behind the first, which are left to them. */
const PORT_STEP = 4;

/** A free port outside of the range that the system gives out, so that nobody takes it soon. */
export async function freePort() {
  for (;;) {
    const port = PORT_STEP * randomInt(PORT_FIRST / PORT_STEP, (PORT_LAST + 1) / PORT_STEP);
    const server = createServer();
    const outcome = once(server, 'listening').then(() => true, () => false);
    server.listen(port, '127.0.0.1');
    if (!(await outcome)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

export class Redis {
  /** Starts one with an empty folder; with `durable`, what it stored survives a stop. */
  static async start(scope, { durable = false } = {}) {
    const redis = new Redis();
    redis.scope = scope;
    redis.durable = durable;
    redis.port = await freePort();
    redis.dir = await folder(scope, 'redis');
    await redis.start();
    return redis;
  }

  /** A port where none listens yet. */
  static async absent(scope) {
    const redis = new Redis();
    redis.scope = scope;
    redis.port = await freePort();
    redis.dir = await folder(scope, 'redis');
    return redis;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start() {
    const args = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.dir];
    args.push('--save', '', '--appendonly', this.durable ? 'yes' : 'no');
    args.push('--appendfsync', 'always');
    this.program = new Program(this.scope, 'redis', 'redis-server', args);
    await until('redis answers', async () => {
      if (this.program.end) throw new Error(`redis-server ended:\n${this.program.tail()}`);
      return (await this.ask('PING')).startsWith('+PONG');
    });
  }

  /** Ends it as an operator would. */
  stop() {
    return this.program.stop('SIGTERM');
  }

  freeze() {
    this.program.child.kill('SIGSTOP');
  }

  thaw() {
    this.program.child.kill('SIGCONT');
  }

  /** The first answer to one inline command, as Redis wrote it. */
  async ask(command) {
    const socket = connect(this.port, '127.0.0.1');
    try {
      const answer = once(socket.setEncoding('utf8'), 'data');
      socket.write(`${command}\r\n`);
      const [text] = await within(`an answer to ${command}`, answer, 5_000);
      return text;
    } finally {
      socket.destroy();
    }
  }
}
