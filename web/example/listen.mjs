// Prints what is said in a room, and says what comes on standard input. It keeps its place in a
// file: started again, it is the same user, prints what it missed, and sends what it could not.
// Killed between printing and writing down, it prints that again: everything at least once.
//
//     node example/listen.mjs http://localhost:3000/ general place.json

import { readFile, rename, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Palabre } from "../dist/palabre/index.js";

const [url = "http://localhost:3000/", key = "general", file = "place.json"] =
  process.argv.slice(2);
const { token, position, unsent } = JSON.parse(await readFile(file, "utf8").catch(() => "{}"));
let changed = false;
let writing = false;

const palabre = new Palabre({ url, name: "Listener", token });
const room = palabre.join(key, { after: position, unsent: unsent ?? [] });
room.on("entry", ({ entry }) => print(`${entry.offset} ${entry.name}: ${entry.text}`));
room.on("reset", () => print("some entries are lost"));
room.on("change", keep);
palabre.connection.on("welcome", keep);
palabre.connection.on("status", ({ phase, reason }) => {
  if (phase === "refused") print(`refused: ${reason}`);
});
palabre.connect();

for await (const line of createInterface({ input: process.stdin })) {
  if (!room.send(line)) print("too much waits already");
}

function print(line) {
  process.stdout.write(`${line}\n`);
}

/** Writes down where we are: one write at a time, and again where something has changed since. */
async function keep() {
  changed = true;
  if (writing) return;
  writing = true;
  while (changed) {
    changed = false;
    const { position, outgoing } = room;
    const place = { token: palabre.token, position, unsent: outgoing };
    await writeFile(`${file}.new`, JSON.stringify(place));
    await rename(`${file}.new`, file);
  }
  writing = false;
}
