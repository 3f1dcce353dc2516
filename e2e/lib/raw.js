// Bytes on a socket, for what no well-behaved client would send.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { until, within } from './waiting.js';

export const TEXT = 1;
export const BINARY = 2;
export const CONTINUATION = 0;
export const CLOSE = 8;
export const PING = 9;
const WEBSOCKET = '/socket.io/?EIO=4&transport=websocket';

/** A WebSocket frame; by default as a client must write it: final and masked. */
export function frame(opcode, payload, { final = true, masked = true, reserved = 0, length } = {}) {
  const body = Buffer.from(payload);
  const size = length ?? BigInt(body.length);
  const head = [(final ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = masked ? 0x80 : 0;
  let extended = Buffer.alloc(0);
  if (size < 126n) {
    head.push(mask | Number(size));
  } else if (size < 65_536n) {
    head.push(mask | 126);
    extended = Buffer.alloc(2);
    extended.writeUInt16BE(Number(size));
  } else {
    head.push(mask | 127);
    extended = Buffer.alloc(8);
    extended.writeBigUInt64BE(size);
  }
  if (!masked) return Buffer.concat([Buffer.from(head), extended, body]);
  const key = randomBytes(4);
  for (let at = 0; at < body.length; at += 1) body[at] ^= key[at % 4];
  return Buffer.concat([Buffer.from(head), extended, key, body]);
}

export class Raw {
  received = Buffer.alloc(0);
  closed = false;

  /** A TCP connection on which nothing was said yet. */
  static async open(scope, instance) {
    const raw = new Raw();
    raw.socket = connect(instance.port, '127.0.0.1');
    raw.socket.on('data', (bytes) => (raw.received = Buffer.concat([raw.received, bytes])));
    raw.socket.on('error', () => (raw.closed = true)); // a reset is a way to be closed
    raw.socket.on('close', () => (raw.closed = true));
    scope.defer(() => raw.socket.destroy());
    await within('a connection', once(raw.socket, 'connect'));
    return raw;
  }

  /** A WebSocket session that has received its open packet. */
  static async webSocket(scope, instance) {
    const raw = await Raw.open(scope, instance);
    raw.write(raw.upgradeRequest(instance));
    await raw.receives('"sid"');
    return raw;
  }

  /** As `webSocket`, joined to the namespace `/`. */
  static async joined(scope, instance) {
    const raw = await Raw.webSocket(scope, instance);
    raw.write(frame(TEXT, '40'));
    await raw.receives('40{');
    return raw;
  }

  upgradeRequest(instance) {
    const key = randomBytes(16).toString('base64');
    const lines = [`GET ${WEBSOCKET} HTTP/1.1`, `Host: 127.0.0.1:${instance.port}`];
    lines.push('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13');
    return `${lines.join('\r\n')}\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
  }

  write(bytes) {
    if (!this.closed) this.socket.write(bytes);
  }

  receives(text) {
    return until(`"${text}" is received`, () => this.received.includes(text));
  }

  /** Waits until the server has ended the connection. */
  isClosed(why) {
    return until(`the connection is closed: ${why}`, () => this.closed);
  }
}
