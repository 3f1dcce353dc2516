// Somebody's own page folder, as they would have had it on another server.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { browser } from '../lib/browser.js';
import { Stock } from '../lib/clients.js';
import { ready } from '../lib/palabre.js';
import { folder } from '../lib/program.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const PAGE = `<!doctype html>
<title>Somebody's chat</title>
<ul id="messages"></ul>
<form><input aria-label="Message"><button>Send</button></form>
<script src="/socket.io/socket.io.js"></script>
<script src="chat.js"></script>
`;
const SCRIPT = `
const socket = io();
const input = document.querySelector('input');
document.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  socket.emit('chat message', input.value);
  input.value = '';
});
socket.on('chat message', (text) => {
  const item = document.createElement('li');
  item.textContent = text;
  document.querySelector('ul').append(item);
});
`;

test('a foreign page folder is served and chats', async (scope) => {
  const outer = await folder(scope, 'pages');
  const pages = join(outer, 'pages');
  await mkdir(join(pages, 'deeper'), { recursive: true });
  await writeFile(join(pages, 'index.html'), PAGE);
  await writeFile(join(pages, 'chat.js'), SCRIPT);
  await writeFile(join(pages, 'deeper', 'note.txt'), 'words');
  await writeFile(join(outer, 'secret.txt'), 'not yours');
  const instance = await ready(scope, ['--ephemeral', '--public', pages]);

  const index = await instance.fetch('/');
  assert.match(index.headers.get('content-type'), /^text\/html/);
  assert.equal(await index.text(), PAGE);
  assert.equal(await (await instance.fetch('/deeper/note.txt')).text(), 'words');
  assert.equal(await instance.status('/no-such-file.txt'), 404);
  for (const path of ['/%2e%2e/secret.txt', '/..%2fsecret.txt']) {
    const answer = await instance.fetch(path);
    assert.doesNotMatch(await answer.text(), /not yours/, path);
    assert.notEqual(answer.status, 200, path);
  }

  const friend = await Stock.connect(scope, instance);
  const page = await (await browser(scope)).newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.goto(instance.url);
  await page.getByLabel('Message').fill('from the page');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('from the page').waitFor();
  await until('the friend hears the page', () => friend.heard.includes('from the page'));
  await friend.say('from the friend');
  await page.getByText('from the friend').waitFor();
  const shown = await page.locator('li').allTextContents();
  assert.deepEqual(shown, ['from the page', 'from the friend']);
  assert.deepEqual(errors, []);
});

test('the official client files are served, and answered from the cache', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  for (const name of ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js']) {
    const first = await instance.fetch(`/socket.io/${name}`);
    assert.equal(first.status, 200, name);
    assert.match(first.headers.get('content-type'), /^(application|text)\/javascript/);
    assert.match(await first.text(), /Socket\.IO v4\.8/);
    const etag = first.headers.get('etag');
    assert.ok(etag, `${name} has an ETag`);
    assert.ok(first.headers.get('cache-control'), `${name} may be cached`);
    const headers = { 'if-none-match': etag };
    const again = await instance.fetch(`/socket.io/${name}`, { headers });
    assert.equal(again.status, 304, name);
    assert.equal(await instance.status(`/socket.io/${name}.map`), 200);
  }
});
