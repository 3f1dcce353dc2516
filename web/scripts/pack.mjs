// Makes a package of the built client, so that another program can install the folder.

import { copyFile, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const packed = join(web, "dist/palabre");

const { version, license, engines, dependencies } = JSON.parse(
  await readFile(join(web, "package.json"), "utf8"),
);
const name = "socket.io-client";
const description = {
  name: "palabre-client",
  version,
  description: "The typed client of Palabre",
  license,
  engines,
  type: "module",
  exports: { ".": { types: "./index.d.ts", default: "./index.js" } },
  dependencies: { [name]: dependencies[name] },
};
await writeFile(join(packed, "package.json"), `${JSON.stringify(description, null, 2)}\n`);
for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) {
  await copyFile(join(web, "..", licence), join(packed, licence));
}
