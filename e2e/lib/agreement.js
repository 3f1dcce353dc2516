// What the tests mean by "everyone sees the same, once, in the same order".

import assert from 'node:assert/strict';
import { until } from './waiting.js';

/**
 * Lets `speaker` say one last word, waits until everyone has heard it, and checks that all heard
 * exactly the same list of texts up to there. Whatever came late or twice is in that list.
 */
export async function assertAgreement(clients, speaker, lastWord) {
  const answer = await speaker.say(lastWord);
  assert.equal(answer?.ok, true, JSON.stringify(answer));
  const missing = () => clients.filter((client) => !client.heard.includes(lastWord));
  const who = () => `"${lastWord}" is heard by ${missing().map((client) => client.name)}`;
  await until(who, () => missing().length === 0);
  const [first, ...others] = clients;
  for (const other of others) {
    assert.deepEqual(other.heard, first.heard, `${other.name} differs from ${first.name}`);
  }
  assert.equal(new Set(first.heard).size, first.heard.length, 'somebody heard something twice');
  return first.heard;
}
