import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outgoing } from "../client/outbox.ts";
import { addressOf, roomOf } from "../page/parts/address.ts";
import { pieces } from "../page/parts/links.ts";
import { hueOf, initials } from "../page/parts/marks.ts";
import { type Row, rowsOf } from "../page/parts/rows.ts";
import { entryAt } from "./support.ts";

const linksIn = (text: string) =>
  pieces(text)
    .filter(({ href }) => href !== undefined)
    .map(({ text }) => text);

test("links are found, without the sentence around them", () => {
  const cases: [string, string[]][] = [
    ["no link here: example.org", []],
    ["see https://a.example/b?c=d#e.", ["https://a.example/b?c=d#e"]],
    ["(https://a.example/x)", ["https://a.example/x"]],
    [
      "https://a.example/x_(y) and https://b.example/(z).",
      ["https://a.example/x_(y)", "https://b.example/(z)"],
    ],
    ["« https://a.example » et “https://b.example”", ["https://a.example", "https://b.example"]],
    ["HTTP://A.example!", ["HTTP://A.example"]],
    ["javascript:alert(1) data:text/html,x file:///etc/passwd", []],
    ["https://a.example/<script>", ["https://a.example/"]],
    ["https:// https://[", []],
  ];
  for (const [text, links] of cases) assert.deepEqual(linksIn(text), links, text);
});

test("the pieces of a text are the text", () => {
  const texts = [
    "",
    "a",
    "https://a.example",
    "x https://a.example, y\nhttps://[ z) https://b.example)",
  ];
  for (const text of texts) {
    assert.equal(
      pieces(text)
        .map((piece) => piece.text)
        .join(""),
      text,
    );
  }
});

test("a long text with many brackets is taken apart in no time", () => {
  const text = `https://a.example/${")".repeat(4000)}`;
  assert.deepEqual(linksIn(text), ["https://a.example/"]);
});

test("initials are letters where a name has any", () => {
  const names: [string, string][] = [
    ["Awa Diop", "AD"],
    ["léa", "L"],
    ["kofi.mensah", "KM"],
    ["<b>Bold</b>", "B"],
    ["Jean-Pierre de la Tour", "JT"],
    ["山田太郎", "山"],
    ["👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"],
    ["", ""],
  ];
  for (const [name, mark] of names) assert.equal(initials(name), mark, name);
});

test("a user's hue is always the same, and users' hues differ", () => {
  assert.equal(hueOf("u1"), hueOf("u1"));
  const hues = new Set(Array.from({ length: 100 }, (_, i) => hueOf(`user-${i}`)));
  assert.ok(hues.size > 15, `${hues.size} hues for 100 users`);
});

test("the address names the room, under any base", () => {
  const cases: [string, string, string | undefined][] = [
    ["/", "/", undefined],
    ["/r/jardin", "/", "jardin"],
    ["/r/jardin/", "/", "jardin"],
    ["/chat/r/g%C3%A9n%C3%A9ral", "/chat/", "général"],
    ["/r/a/b", "/", undefined],
    ["/other/r/a", "/chat/", undefined],
    ["/r/%E0%A4%A", "/", "%E0%A4%A"],
  ];
  for (const [path, base, room] of cases) assert.equal(roomOf(path, base), room, path);
  assert.equal(roomOf(addressOf("général.été_1", "/chat/"), "/chat/"), "général.été_1");
});

const MINUTE = 60_000;
const NOON = new Date(2026, 10, 20, 12).getTime();
const me = { user: "me", name: "Me" };

function rowsFor(said: [user: string, minute: number][], outgoing: Outgoing[] = []): Row[] {
  const entries = said.map(([user, minute], i) =>
    entryAt(i + 1, { user, name: user, at: NOON + minute * MINUTE }),
  );
  return rowsOf({ entries, outgoing, behind: false, me });
}

const shape = (rows: Row[]) =>
  rows.map((row) => (row.kind === "day" ? "day" : `${row.opens ? "" : "+"}${row.user}`)).join(" ");

test("one author's messages run together until another speaks or time passes", () => {
  assert.equal(
    shape(
      rowsFor([
        ["a", 0],
        ["a", 1],
        ["b", 2],
        ["a", 3],
      ]),
    ),
    "day a +a b a",
  );
  assert.equal(
    shape(
      rowsFor([
        ["a", 0],
        ["a", 6],
      ]),
    ),
    "day a a",
    "a pause",
  );
  const many = Array.from({ length: 8 }, (_, i): [string, number] => ["a", i * 4]);
  assert.equal(shape(rowsFor(many)), "day a +a +a +a +a +a a +a", "a long run");
});

test("a new day has a row of its own, and opens a run", () => {
  assert.equal(
    shape(
      rowsFor([
        ["a", 12 * 60 - 1],
        ["a", 12 * 60 + 1],
      ]),
    ),
    "day a day a",
  );
});

test("a message keeps its key from writing to its place in the log", () => {
  const unsent: Outgoing = { id: "id-1", text: "x", at: NOON, state: "pending" };
  const before = rowsFor([], [unsent]);
  const after = rowsFor([["me", 0]]);
  const both = rowsFor([["me", 0]], [unsent]);
  assert.deepEqual(before.map(({ key }) => key).slice(1), after.map(({ key }) => key).slice(1));
  assert.equal(both.length, 2, "seen in the log and still in the outbox: shown once");
});

test("an id that comes again has a key of its own", () => {
  const entries = [entryAt(1, { id: "same" }), entryAt(2, { id: "same" })];
  const rows = rowsOf({ entries, outgoing: [], behind: false, me });
  assert.equal(new Set(rows.map(({ key }) => key)).size, rows.length);
});

test("what is placed behind entries that we don't hold waits for them", () => {
  const place = { epoch: "e1", offset: 900 };
  const outgoing: Outgoing[] = [{ id: "x", text: "x", at: NOON, state: "placed", place }];
  const talk = { entries: [entryAt(1)], outgoing, me };
  assert.equal(rowsOf({ ...talk, behind: true }).length, 2);
  assert.equal(rowsOf({ ...talk, behind: false }).length, 4);
});

test("entries of other kinds are passed over", () => {
  const entries = [entryAt(1, { kind: "unreadable" }), entryAt(2)];
  assert.equal(rowsOf({ entries, outgoing: [], behind: false, me }).length, 2);
});
