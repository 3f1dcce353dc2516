import assert from "node:assert/strict";
import { test } from "node:test";
import { en } from "../page/i18n/en.ts";
import { fr } from "../page/i18n/fr.ts";

/** Every text of a dictionary, with functions called for one and for many. */
function* textsOf(words: object, path = ""): Generator<[string, string]> {
  for (const [key, value] of Object.entries(words)) {
    const here = `${path}${key}`;
    if (typeof value === "string") yield [here, value];
    else if (typeof value === "function") {
      for (const n of [1, 1234]) yield [`${here}(${n})`, String(value(n, "X"))];
    } else yield* textsOf(value, `${here}.`);
  }
}

const english = [...textsOf(en)];
const french = [...textsOf(fr)];

test("both languages say the same things", () => {
  assert.deepEqual(
    french.map(([key]) => key),
    english.map(([key]) => key),
  );
  for (const [key, text] of [...english, ...french]) assert.notEqual(text.trim(), "", key);
});

test("French has its thin spaces, its guillemets and its apostrophe", () => {
  for (const [key, text] of french) {
    assert.doesNotMatch(text, /[^\u202F][;:!?»]/u, `${key}: a thin space is missing`);
    assert.doesNotMatch(text, /«[^\u202F]/u, `${key}: a thin space is missing`);
    assert.doesNotMatch(text, /['"]/u, `${key}: straight quotes`);
  }
});

test("English has its curly quotes", () => {
  for (const [key, text] of english) assert.doesNotMatch(text, /['"]/u, `${key}: straight quotes`);
});

test("plurals are the language's own", () => {
  assert.equal(en.message.fresh(1), "1 new message");
  assert.equal(en.message.fresh(2), "2 new messages");
  assert.equal(fr.message.fresh(0), "0 nouveau message");
  assert.equal(fr.message.fresh(1), "1 nouveau message");
  assert.equal(fr.message.fresh(2), "2 nouveaux messages");
});
