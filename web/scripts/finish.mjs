// Ends the build: puts the official client beside the page, writes the compressed copies that the
// server hands out, and fails where the page has grown over its budget.

import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** The page's scripts, compressed with brotli, may have so many bytes together. */
const SCRIPTS_MAX = 60 * 1024;

/** Smaller files are not worth a compressed copy. */
const COMPRESSED_FROM = 1024;

const TEXTS = new Set([".css", ".html", ".js", ".json", ".map", ".svg", ".txt"]);

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const page = join(web, "dist/page");
const client = join(web, "dist/client");

await copyClient();
await compressAll(page);
await compressAll(client);
await weigh();

/** The files that `/socket.io/` serves to anybody's page, with their licence and version. */
async function copyClient() {
  const from = join(web, "node_modules/socket.io-client");
  const { version } = JSON.parse(await readFile(join(from, "package.json"), "utf8"));
  await rm(client, { recursive: true, force: true });
  await mkdir(client, { recursive: true });
  await cp(join(from, "dist"), client, { recursive: true });
  await cp(join(from, "LICENSE"), join(client, "LICENSE"));
  await writeFile(join(client, "version.txt"), `${version}\n`);
}

async function compressAll(folder) {
  for (const file of await readdir(folder, { recursive: true })) {
    const path = join(folder, file);
    if (TEXTS.has(extname(path)) && (await stat(path)).size > COMPRESSED_FROM) await compress(path);
  }
}

/** Neither format is given a time or a name, so that the same input makes the same bytes. */
async function compress(path) {
  const text = await readFile(path);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
  };
  await writeFile(`${path}.br`, brotliCompressSync(text, { params }));
  await writeFile(`${path}.gz`, gzipSync(text, { level: constants.Z_BEST_COMPRESSION }));
}

async function weigh() {
  const kibibytes = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
  let scripts = 0;
  for (const file of (await readdir(page, { recursive: true })).sort()) {
    if (file.endsWith(".br") || file.endsWith(".gz")) continue;
    const compressed = await stat(join(page, `${file}.br`)).catch(() => undefined);
    if (compressed === undefined) {
      if (!file.endsWith(".js")) continue;
      scripts += (await stat(join(page, file))).size;
    } else {
      console.log(`${file}: ${kibibytes(compressed.size)} with brotli`);
      if (file.endsWith(".js")) scripts += compressed.size;
    }
  }
  console.log(`scripts: ${kibibytes(scripts)} of ${kibibytes(SCRIPTS_MAX)}`);
  if (scripts > SCRIPTS_MAX) {
    console.error("The page's scripts are over their budget.");
    process.exitCode = 1;
  }
}
