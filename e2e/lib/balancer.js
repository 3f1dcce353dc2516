// A balancer as simple as they come: each request to the next instance, whoever asks. No request
// sticks to anything.

import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import { connect } from 'node:net';

const CHECK_EVERY_MS = 50;

export class Balancer {
  /** Requests that were led to each instance, by its name. */
  dealt = new Map();
  #at = 0;
  #unready = new Set();
  #open = new Set();

  /**
   * `instances` may be changed while it runs. With `checks` only those are asked whose `/readyz`
   * is 200; one that refuses the connection is passed over in any case.
   */
  static async start(scope, instances, { checks = false } = {}) {
    const balancer = new Balancer();
    balancer.instances = instances;
    const server = createServer((request, response) => balancer.#lead(request, response));
    server.on('upgrade', (request, socket, head) => balancer.#leadUpgrade(request, socket, head));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    balancer.port = server.address().port;
    balancer.url = `http://127.0.0.1:${balancer.port}`;
    const checking = checks && setInterval(() => balancer.#check(), CHECK_EVERY_MS);
    scope.defer(() => {
      clearInterval(checking);
      server.close();
      server.closeAllConnections();
      for (const socket of balancer.#open) socket.destroy();
    });
    scope.note('balancer', () => JSON.stringify([...balancer.dealt]));
    return balancer;
  }

  /** Whether this instance would be asked. */
  leadsTo(instance) {
    return this.instances.includes(instance) && !this.#unready.has(instance);
  }

  #check() {
    for (const instance of this.instances) {
      instance.fetch('/readyz').then(
        (answer) => (answer.ok ? this.#unready.delete(instance) : this.#unready.add(instance)),
        () => this.#unready.add(instance),
      );
    }
  }

  /** The instances in the order in which to try them. */
  #turn() {
    const all = this.instances.filter((instance) => !this.#unready.has(instance));
    const first = this.#at++ % Math.max(1, all.length);
    return [...all.slice(first), ...all.slice(0, first)];
  }

  #count({ program }) {
    this.dealt.set(program.name, (this.dealt.get(program.name) ?? 0) + 1);
  }

  async #lead(request, response) {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // the client has given up
    }
    this.#try(this.#turn(), request, Buffer.concat(chunks), response);
  }

  #try([instance, ...others], request, body, response) {
    if (!instance) return response.writeHead(502).end();
    const { method, url: path, headers } = request;
    const options = { port: instance.port, host: '127.0.0.1', method, path, headers, agent: false };
    const asked = ask(options, (answer) => {
      this.#count(instance);
      const { connection: _, 'keep-alive': __, ...passed } = answer.headers;
      response.writeHead(answer.statusCode, passed);
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    asked.on('error', ({ code }) => {
      if (code === 'ECONNREFUSED') this.#try(others, request, body, response);
      else response.destroy();
    });
    response.on('close', () => asked.destroy());
    asked.end(body);
  }

  #leadUpgrade(request, client, head) {
    client.on('error', () => {}); // what counts is that it closes
    this.#keep(client);
    this.#tryUpgrade(this.#turn(), request, client, head);
  }

  #tryUpgrade([instance, ...others], request, client, head) {
    if (!instance || client.destroyed) return client.destroy();
    const server = connect(instance.port, '127.0.0.1');
    let open = false;
    server.on('connect', () => {
      open = true;
      this.#count(instance);
      this.#keep(server);
      const lines = [`${request.method} ${request.url} HTTP/1.1`];
      for (let at = 0; at < request.rawHeaders.length; at += 2) {
        lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
      }
      server.write(`${lines.join('\r\n')}\r\n\r\n`);
      server.write(head);
      client.pipe(server).pipe(client);
      client.on('close', () => server.destroy());
      server.on('close', () => client.destroySoon());
    });
    server.on('error', ({ code }) => {
      if (!open && code === 'ECONNREFUSED') this.#tryUpgrade(others, request, client, head);
      else client.destroy();
    });
  }

  #keep(socket) {
    this.#open.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.#open.delete(socket));
  }
}
