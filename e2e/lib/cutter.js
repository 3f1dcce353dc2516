// A bad network: a TCP proxy that cuts connections in the middle of whatever they carry, and leads
// each new one to the instance of its choice.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Random numbers below a limit that come again with the same seed. */
export function seeded(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export class Cutter {
  /** Connections that were cut. */
  cuts = 0;
  /** While it is good, nothing is cut. */
  good = false;
  #open = new Set();

  /**
   * `target()` gives the port of the instance that a new connection leads to. A connection carries
   * fewer bytes than `life` each way; that must be enough for a page of what it is to carry.
   */
  static async start(scope, random, target, life = 30_000) {
    const cutter = new Cutter();
    cutter.life = life;
    const server = createServer((socket) => cutter.#lead(socket, random, target()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    scope.defer(() => {
      server.close();
      for (const end of cutter.#open) end.destroy();
    });
    cutter.url = `http://127.0.0.1:${server.address().port}`;
    return cutter;
  }

  /** Cuts what there is, now. */
  cutAll() {
    for (const end of [...this.#open]) end.destroy();
  }

  #lead(client, random, port) {
    const server = connect(port, '127.0.0.1');
    for (const end of [client, server]) {
      this.#open.add(end);
      end.setNoDelay(true);
      end.on('error', () => {}); // what counts is that it closes
      end.on('close', () => this.#open.delete(end));
    }
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    // One connection in four hardly lives to see the end of its handshake.
    const life = random(4) === 0 ? 700 : this.life;
    this.#carry(client, server, random(life));
    this.#carry(server, client, random(life));
  }

  /** Carries so many bytes one way, and the connection is cut behind the last of them. */
  #carry(from, to, bytes) {
    let left = bytes;
    from.on('data', (chunk) => {
      if (this.good || chunk.length <= left) {
        left -= chunk.length;
        to.write(chunk);
        return;
      }
      this.cuts += 1;
      from.removeAllListeners('data');
      to.write(chunk.subarray(0, Math.max(0, left)), () => {
        from.destroy();
        to.destroy();
      });
    });
  }
}
