// What the tests mean by "everyone sees the same, once, in the same order".

import assert from 'node:assert/strict';
import { until } from './waiting.js';

/**
 * Lets `speaker` say one last word, waits until everyone has heard it, and checks that all heard
 * exactly the same list of texts up to there. Whatever came late or twice is in that list. A
 * client that runs its handlers in any order must have heard the same, in any order.
 */
export async function assertAgreement(clients, speaker, lastWord) {
  const answer = await speaker.say(lastWord);
  assert.equal(answer?.ok, true, JSON.stringify(answer));
  const missing = () => clients.filter((client) => !client.heard.includes(lastWord));
  const who = () => `"${lastWord}" is heard by ${missing().map((client) => client.name)}`;
  await until(who, () => missing().length === 0);
  const [first, ...others] = clients;
  for (const other of others) {
    const differs = `${other.name} differs from ${first.name}`;
    if (other.isOrdered ?? true) {
      assert.deepEqual(other.heard, first.heard, differs);
    } else {
      const isAll = () => other.heard.length >= first.heard.length;
      await until(`${other.name} has run all its handlers`, isAll);
      assert.deepEqual([...other.heard].sort(), [...first.heard].sort(), differs);
    }
  }
  assert.equal(new Set(first.heard).size, first.heard.length, 'somebody heard something twice');
  return first.heard;
}
