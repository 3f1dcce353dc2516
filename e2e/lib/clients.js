// The official JavaScript client in its several releases: as a stock client, and as a client that
// speaks the chat protocol.

import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { until, within } from './waiting.js';

const require = createRequire(import.meta.url);

/** Releases of the official client, each installed under a name of its own. */
export const VERSIONS = ['4.0', '4.5', '4.6', '4.7', '4.8'];
export const NEWEST = VERSIONS.at(-1);
/** How a client may connect. */
export const TRANSPORTS = {
  polling: ['polling'],
  websocket: ['websocket'],
  upgrade: ['polling', 'websocket'],
};

const ioOf = (version) => require(`sio-${version}`).io;

function connecting(scope, instance, { version = NEWEST, transport = 'upgrade', options }) {
  const transports = TRANSPORTS[transport];
  const settings = { transports, forceNew: true, reconnectionDelay: 100, ...options };
  const socket = ioOf(version)(instance.url, settings);
  scope.defer(() => socket.disconnect());
  return socket;
}

/** Resolves when the socket is connected, over the transport that it ends up with. */
async function settled(client) {
  const { socket, name, transport } = client;
  let refusal;
  socket.on('connect_error', (error) => (refusal = error.message));
  await until(() => `${name} connects (${refusal})`, () => socket.connected);
  const last = TRANSPORTS[transport].at(-1);
  await until(`${name} is on ${last}`, () => socket.io.engine.transport.name === last);
}

/** A client written for plain Socket.IO. */
export class Stock {
  /** Everything that came as `chat message`, without and with what follows the text. */
  heard = [];
  heardArgs = [];

  static async connect(scope, instance, settings = {}) {
    const { version = NEWEST, transport = 'upgrade', ...options } = settings;
    const client = new Stock();
    client.name = `stock ${version} on ${transport} at ${instance.port}`;
    client.transport = transport;
    client.socket = connecting(scope, instance, { version, transport, options });
    client.socket.on('chat message', (...args) => {
      client.heard.push(args[0]);
      client.heardArgs.push(args);
    });
    scope.note(client.name, () => client.state());
    await settled(client);
    return client;
  }

  state() {
    return JSON.stringify({ connected: this.socket.connected, heard: this.heard.length });
  }

  /** Emits `chat message` with these arguments; resolves with the acknowledgement. */
  say(...args) {
    const answer = new Promise((resolve) => this.socket.emit('chat message', ...args, resolve));
    return within(`${this.name}: an acknowledgement`, answer, 60_000);
  }
}

/** A client that speaks the chat protocol. */
export class Member {
  entries = [];
  notices = [];
  resets = [];

  static async connect(scope, instance, settings = {}) {
    const { version = NEWEST, transport = 'upgrade', name, token } = settings;
    const client = new Member();
    client.name = `member ${name ?? ''} at ${instance.port}`;
    client.transport = transport;
    const options = { auth: { palabre: 1, name, token } };
    client.socket = connecting(scope, instance, { version, transport, options });
    client.socket.on('palabre:welcome', (welcome) => (client.welcome = welcome));
    client.socket.on('entry', (entry) => client.entries.push(entry));
    client.socket.on('notice', (notice) => client.notices.push(notice));
    client.socket.on('reset', (reset) => client.resets.push(reset));
    await settled(client);
    await until(`${client.name} is welcomed`, () => client.welcome);
    return client;
  }

  /** Sends a command; resolves with its answer, `ok` or not. */
  ask(command, request) {
    const answer = new Promise((resolve) => this.socket.emit(command, request, resolve));
    return within(`${this.name}: an answer to ${command}`, answer, 60_000);
  }

  /** As `ask`, for a command that must succeed. */
  async must(command, request) {
    const answer = await this.ask(command, request);
    if (answer?.ok !== true) throw new Error(`${command}: ${JSON.stringify(answer)}`);
    return answer;
  }

  send(text, { room = 'general', id = randomUUID() } = {}) {
    return this.ask('send', { room, id, text });
  }

  /** All entries of the room, oldest first, page by page. */
  async history(room = 'general') {
    await this.must('join', { room });
    const all = [];
    for (let page; page?.more ?? true; ) {
      page = await this.must('history', { room, after: all.at(-1)?.offset ?? 0, limit: 200 });
      all.push(...page.entries);
    }
    return all;
  }

  async texts(room) {
    return (await this.history(room)).map((entry) => entry.text);
  }
}
