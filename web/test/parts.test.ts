import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outgoing } from "../client/outbox.ts";
import { addressOf, hashOf, keyOfTitle, placeOf, roomOf } from "../page/parts/address.ts";
import { afterPresence, LISTED_MAX, sorted } from "../page/parts/attendance.ts";
import { found } from "../page/parts/finding.ts";
import { pieces } from "../page/parts/links.ts";
import { hueOf, initials } from "../page/parts/marks.ts";
import { DRAWN_AT_END, lately, type Row, rowsOf } from "../page/parts/rows.ts";
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

test("the end of an address names a message, or nothing", () => {
  const place = { epoch: "is26lllx6otdfc6h", offset: 1204 };
  assert.deepEqual(placeOf(hashOf(place)), place);
  for (const hash of ["", "#", "#log", "#12", "#-e", "#1-", "#1-e/<b>", "#x-e"]) {
    assert.equal(placeOf(hash), undefined, hash);
  }
});

test("a title makes a key that the server takes", () => {
  const titles: [string, string][] = [
    ["Garden", "garden"],
    ["Le Jardin d’été", "le-jardin-d-été"],
    ["  -- Q&A: 1/2 … ", "q-a-1-2"],
    ["v1.2_beta", "v1.2_beta"],
    ["..", ""],
    ["🌳", ""],
    ["山の家", "山の家"],
    ["x".repeat(100), "x".repeat(64)],
  ];
  for (const [title, key] of titles) assert.equal(keyOfTitle(title), key, title);
});

test("rooms are found by words in any order, without accents or case", () => {
  const rooms = ["general", "Le Jardin d’été", "Jardinage", "Eté indien"].map((title) => {
    return { key: keyOfTitle(title), title };
  });
  const titles = (typed: string) => found(rooms, typed).map(({ title }) => title);
  assert.equal(titles("").length, rooms.length);
  assert.deepEqual(titles("ete"), ["Eté indien", "Le Jardin d’été"]);
  assert.deepEqual(titles("JARDIN"), ["Jardinage", "Le Jardin d’été"]);
  assert.deepEqual(titles("d’été jardin"), ["Le Jardin d’été"]);
  assert.deepEqual(titles("harbour"), []);
});

const person = (name: string) => ({ user: `u-${name}`, name, since: 1, instances: ["a"] });

test("the list of people follows who comes and who leaves", () => {
  const list = sorted([person("Mathis"), person("awa")], 2);
  const names = (members: typeof list) => members?.map(({ name }) => name);
  assert.deepEqual(names(list), ["awa", "Mathis"]);
  const came = { room: "r", joined: [person("Binta")], left: ["u-awa"], count: 2 };
  assert.deepEqual(names(afterPresence(list, came)), ["Binta", "Mathis"]);
  const renamed = { room: "r", joined: [{ ...person("awa"), name: "Zoé" }], left: [], count: 2 };
  assert.deepEqual(names(afterPresence(list, renamed)), ["Mathis", "Zoé"]);
});

test("a list of people that can't be right is no list", () => {
  assert.equal(sorted([person("a")], 2), undefined, "not all of them");
  const many = Array.from({ length: LISTED_MAX + 1 }, (_, i) => person(`p${i}`));
  assert.equal(sorted(many, many.length), undefined, "too many");
  const counted = { room: "r", joined: [], left: [], count: 7 };
  assert.equal(afterPresence([person("a")], counted), undefined, "only the count was told");
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

test("what is new begins once, behind what was read, and opens a run", () => {
  const entries = [1, 2, 3, 4].map((offset) => entryAt(offset, { user: "a", name: "a", at: NOON }));
  const shown = (offset: number, epoch = entries[0]?.epoch ?? "") =>
    shape(rowsOf({ entries, outgoing: [], behind: false, me, unreadFrom: { epoch, offset } }));
  assert.equal(shown(2), "day a +a new a +a");
  assert.equal(shown(0), "day new a +a +a +a");
  assert.equal(shown(4), "day a +a +a +a");
  assert.equal(shown(9, "another life"), "day new a +a +a +a", "all of it is new");
});

test("at the end only the last entries are drawn, with all that is new", () => {
  const entries = Array.from({ length: 300 }, (_, i) => entryAt(i + 1));
  const epoch = entries[0]?.epoch ?? "";
  assert.deepEqual(lately(entries, undefined), entries.slice(-DRAWN_AT_END));
  assert.deepEqual(lately(entries, { epoch, offset: 290 }), entries.slice(-DRAWN_AT_END));
  assert.equal(lately(entries, { epoch, offset: 50 }), entries, "what is new is further up");
  assert.equal(lately(entries.slice(0, 9), undefined).length, 9);
});

test("an answer quotes the message it answers, where that is at hand", () => {
  const [first, second] = [entryAt(1, { text: "Who?" }), entryAt(2, { text: "Me." })];
  const { epoch } = first;
  const quotes = (replyTo: { epoch: string; offset: number }) =>
    rowsOf({
      entries: [first, { ...second, replyTo }],
      outgoing: [],
      behind: false,
      me,
    }).flatMap((row) => (row.kind === "said" && row.quote ? [row.quote] : []));
  assert.equal(quotes({ epoch, offset: 1 })[0]?.text, "Who?");
  assert.deepEqual(quotes({ epoch, offset: 0 }), [{ epoch, offset: 0 }], "further up");
  assert.deepEqual(
    quotes({ epoch: "other", offset: 1 }),
    [{ epoch: "other", offset: 1 }],
    "of another life",
  );
});

const shape = (rows: Row[]) =>
  rows
    .map((row) => (row.kind !== "said" ? row.kind : `${row.opens ? "" : "+"}${row.user}`))
    .join(" ");

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
