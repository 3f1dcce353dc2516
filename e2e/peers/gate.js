// A load balancer without sticky sessions: deals connections out in turn among the servers that
// are up, and can cut them.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Gate {
  #pipes = new Set();
  #turn = 0;

  static async open(scope, ports) {
    const gate = new Gate();
    gate.ports = ports;
    gate.server = createServer((socket) => gate.#pipe(socket));
    gate.server.listen(0, '127.0.0.1');
    await once(gate.server, 'listening');
    scope.defer(() => gate.close());
    return gate;
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  #pipe(client) {
    const server = connect(this.ports[this.#turn++ % this.ports.length], '127.0.0.1');
    this.#pipes.add(client);
    const end = () => {
      this.#pipes.delete(client);
      client.destroy();
      server.destroy();
    };
    for (const side of [client, server]) side.setNoDelay(true).on('error', end).on('close', end);
    client.pipe(server).pipe(client);
  }

  /** Cuts all connections, without a word. */
  cut() {
    for (const client of this.#pipes) client.destroy();
  }

  close() {
    this.cut();
    this.server.close();
  }
}
