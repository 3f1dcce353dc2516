// Debian's Chromium, headless; one process for all that a test opens.

import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-features=LocalNetworkAccessChecks',
];
const STEP_MS_MAX = 30_000;

/** A folder with a built page, to try it without building the binary. */
const PAGE = process.env.PALABRE_PAGE;

const processes = new WeakMap();

/** A browser context with nothing in it: no cookies, no storage, no cache. */
export async function browser(scope, options = {}) {
  if (!processes.has(scope)) processes.set(scope, launch(scope));
  const context = await (await processes.get(scope)).newContext(options);
  context.setDefaultTimeout(STEP_MS_MAX);
  if (PAGE) await context.route(isOfThePage, (route) => fromFolder(route).catch(() => {}));
  return context;
}

async function launch(scope) {
  const process = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  scope.defer(() => process.close());
  return process;
}

const isOfThePage = (url) => !url.pathname.includes('/socket.io/');

/** Answers with the folder's file, under the headers that the server gives. */
async function fromFolder(route) {
  const url = new URL(route.request().url());
  const name = /\/(assets\/.*|[^/]+\.\w+)$/.exec(url.pathname)?.[1];
  if (name !== undefined) return route.fulfill({ path: `${PAGE}/${name}` });
  const response = await route.fetch();
  const base = /<base href="[^"]*"/.exec(await response.text())?.[0];
  const page = await readFile(`${PAGE}/index.html`, 'utf8');
  return route.fulfill({ response, body: page.replace(/<base href="[^"]*"/, base) });
}
