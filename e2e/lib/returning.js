// Stock clients that come back: each behind a network of its own, which cuts and leads elsewhere.

import assert from 'node:assert/strict';
import { Cutter, seeded } from './cutter.js';
import { Stock } from './clients.js';
import { until } from './waiting.js';

export class Returner {
  /** Connects, the first one included, and how many of them took up the session before. */
  connects = 0;
  recovered = 0;
  /** How long each return took, from the moment that the client noticed the cut. */
  tookMs = [];

  /** Leads to the first of the instances, and after each cut to one by chance. */
  static async connect(scope, instances, { seed, ...kind }) {
    const returner = new Returner();
    returner.random = seeded(seed);
    returner.instances = instances;
    returner.port = instances[0].port;
    returner.cutter = await Cutter.start(scope, returner.random, () => returner.port, 12_000);
    returner.cutter.good = true;
    const options = { ...kind, reconnectionDelay: 40, reconnectionDelayMax: 200 };
    returner.client = await Stock.connect(scope, { url: returner.cutter.url, port: seed }, options);
    returner.connects = 1;
    returner.#watch(returner.client.socket);
    scope.note(`returner ${seed}`, () => JSON.stringify(returner.state()));
    return returner;
  }

  state() {
    const { connects, recovered, client, cutter } = this;
    return { connects, recovered, heard: client.heard.length, cuts: cutter.cuts };
  }

  #watch(socket) {
    socket.on('disconnect', () => {
      this.since = performance.now();
      this.#turn();
    });
    // An attempt that was cut: the next one goes elsewhere.
    socket.io.on('reconnect_error', () => this.#turn());
    socket.on('connect', () => {
      this.connects += 1;
      if (socket.recovered) this.recovered += 1;
      this.tookMs.push(performance.now() - this.since);
    });
  }

  #turn() {
    this.port = this.instances[this.random(this.instances.length)].port;
  }

  get heard() {
    return this.client.heard;
  }

  get name() {
    return this.client.name;
  }

  hears(text) {
    return until(() => `${this.name} hears ${text}`, () => this.heard.includes(text));
  }

  /** Every return took up the session, and nothing of `texts` is missing, twice or misplaced. */
  assertWhole(texts) {
    assert.equal(this.recovered, this.connects - 1, `${this.name} took up its session each time`);
    const first = texts.indexOf(this.heard[0]);
    assert.deepEqual(this.heard, texts.slice(first, first + this.heard.length), this.name);
    assert.equal(this.heard.at(-1), texts.at(-1), `${this.name} has heard the last one`);
  }
}
