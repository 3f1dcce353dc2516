// Debian's Chromium, headless.

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
];
const STEP_MS_MAX = 30_000;

/** A browser context with nothing in it: no cookies, no storage, no cache. */
export async function browser(scope, options = {}) {
  const process = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  scope.defer(() => process.close());
  const context = await process.newContext(options);
  context.setDefaultTimeout(STEP_MS_MAX);
  return context;
}
