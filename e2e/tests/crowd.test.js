// Two hundred clients on two instances, all talking at once.

import assert from 'node:assert/strict';
import { assertAgreement } from '../lib/agreement.js';
import { Stock, TRANSPORTS, VERSIONS } from '../lib/clients.js';
import { cluster } from '../lib/palabre.js';
import { Redis } from '../lib/redis.js';
import { test } from '../lib/test.js';

const CLIENTS = 200;
const MESSAGES = 5;

test('two hundred clients see the same entries in the same order', async (scope) => {
  const redis = await Redis.start(scope);
  const instances = await cluster(scope, 2, redis);
  const transports = Object.keys(TRANSPORTS);
  const places = Array.from({ length: CLIENTS }, (_, at) => ({
    instance: instances[at % instances.length],
    version: VERSIONS[Math.floor(at / 2) % VERSIONS.length],
    transport: transports[Math.floor(at / 10) % transports.length],
  }));
  const clients = await Promise.all(
    places.map(({ instance, ...kind }) => Stock.connect(scope, instance, kind)),
  );
  const answers = await Promise.all(
    clients.flatMap((client, at) =>
      Array.from({ length: MESSAGES }, (_, turn) => client.say(`${at}: ${turn}`)),
    ),
  );
  for (const answer of answers) assert.equal(answer.ok, true, JSON.stringify(answer));
  const heard = await assertAgreement(clients, clients[0], 'the last word');
  assert.equal(heard.length, CLIENTS * MESSAGES + 1);
  for (let at = 0; at < CLIENTS; at += 1) {
    const own = heard.filter((text) => text.startsWith(`${at}: `));
    assert.deepEqual(own, Array.from({ length: MESSAGES }, (_, turn) => `${at}: ${turn}`));
  }
  for (const instance of instances) await instance.assertHealthy();
});
