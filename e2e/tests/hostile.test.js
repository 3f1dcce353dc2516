// Input that no client would send, against the real binary: it stays healthy and serves others.

import assert from 'node:assert/strict';
import { Stock } from '../lib/clients.js';
import { ready } from '../lib/palabre.js';
import { BINARY, CLOSE, CONTINUATION, frame, PING, Raw, TEXT } from '../lib/raw.js';
import { test } from '../lib/test.js';
import { until } from '../lib/waiting.js';

const PAYLOAD_MAX = 1_000_000;
const IDLE_POLLS = 1_000;
const POLLS_AT_ONCE = 50;
const SLOW_MS_MAX = 120_000;

async function assertServesOthers(scope, instance) {
  await instance.assertHealthy();
  const client = await Stock.connect(scope, instance);
  assert.equal((await client.say('still served')).ok, true);
  await until('it is heard', () => client.heard.includes('still served'));
}

const BROKEN_FRAMES = {
  'an unmasked frame': frame(TEXT, '3', { masked: false }),
  'a reserved bit': frame(TEXT, '3', { reserved: 4 }),
  'a reserved opcode': frame(3, '3'),
  'a continuation of nothing': frame(CONTINUATION, '3'),
  'a text within a fragmented text': Buffer.concat([
    frame(TEXT, '42["chat ', { final: false }),
    frame(TEXT, '3'),
  ]),
  'a fragmented ping': frame(PING, 'x', { final: false }),
  'a ping of 126 bytes': frame(PING, Buffer.alloc(126)),
  'invalid UTF-8': frame(TEXT, Buffer.from([0x34, 0xff, 0xfe])),
  'a message over the limit': frame(TEXT, `4${'x'.repeat(PAYLOAD_MAX)}`),
  'a length of 2^62': frame(TEXT, 'x', { length: 1n << 62n }),
  'a length with the top bit': frame(TEXT, 'x', { length: 1n << 63n }),
  'a close of one byte': frame(CLOSE, 'x'),
};

const BROKEN_PACKETS = {
  'no packet': '',
  'an unknown Engine.IO type': '9',
  'an unknown Socket.IO type': '49',
  'a second CONNECT': '40',
  'an event that is no array': '42{"a":1}',
  'an empty event': '42[]',
  'a reserved event': '42["disconnect"]',
  'garbage behind the event': '42["chat message","x"]x',
  'a deep nest': `42["chat message",${'['.repeat(100_000)}${']'.repeat(100_000)}]`,
  'a namespace that was not joined': '42/other,["chat message","x"]',
  'eleven attachments': '4511-["chat message"]',
  'a placeholder out of range': '451-["chat message",{"_placeholder":true,"num":7}]',
  'a client ping': '2',
};

test('broken frames close their connection and nothing else', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  for (const [what, bytes] of Object.entries(BROKEN_FRAMES)) {
    const raw = await Raw.joined(scope, instance);
    raw.write(bytes);
    await raw.isClosed(what);
  }
  await assertServesOthers(scope, instance);
});

test('broken packets close their connection and nothing else', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  for (const [what, packet] of Object.entries(BROKEN_PACKETS)) {
    const raw = await Raw.joined(scope, instance);
    raw.write(frame(TEXT, packet));
    if (what.includes('placeholder')) raw.write(frame(BINARY, 'x'));
    await raw.isClosed(what);
  }
  await assertServesOthers(scope, instance);
});

test('fragments, pings between them, one byte at a time, are understood', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const raw = await Raw.joined(scope, instance);
  const event = Buffer.from('421["chat message","en morceaux: é 😀"]');
  const parts = Array.from(event, (byte, at) => [
    frame(at === 0 ? TEXT : CONTINUATION, [byte], { final: at === event.length - 1 }),
    frame(PING, `${at}`),
  ]);
  for (const byte of Buffer.concat(parts.flat().slice(0, -1))) raw.write(Buffer.from([byte]));
  await raw.receives('431[{"ok":true');
  await raw.receives('en morceaux: é 😀');
});

test('half a handshake, garbage and endless headers', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const half = await Raw.open(scope, instance);
  half.write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n');
  const silent = await Raw.open(scope, instance);
  const garbage = await Raw.open(scope, instance);
  garbage.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x0d, 0x0a, 0x0d, 0x0a]));
  await garbage.isClosed('garbage');
  const endless = await Raw.open(scope, instance);
  endless.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(2_000_000)}`);
  await endless.isClosed('endless headers');
  await assertServesOthers(scope, instance);
  assert.equal(silent.closed && half.closed, false, 'these had their time not yet');
});

test('polling: broken requests get their answers', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const path = '/socket.io/?EIO=4&transport=polling';
  const refused = async (query, code, options) => {
    const answer = await instance.fetch(`/socket.io/?${query}`, options);
    assert.equal(answer.status, 400, query);
    assert.equal((await answer.json()).code, code, query);
  };
  await refused('EIO=4&transport=pigeon', 0);
  await refused('EIO=4&transport=polling&sid=nobody', 1);
  await refused('EIO=4&transport=polling', 2, { method: 'POST', body: '40' });
  await refused('EIO=3&transport=polling', 5);

  const open = async () => {
    const text = await (await instance.fetch(path)).text();
    return `${path}&sid=${JSON.parse(text.slice(1)).sid}`;
  };
  const post = async (session, body) => {
    const answer = await instance.fetch(session, { method: 'POST', body });
    return { status: answer.status, body: await answer.text() };
  };
  const broken = await open();
  assert.deepEqual(await post(broken, 'abc'), { status: 200, body: 'ok' });
  assert.equal(await instance.status(broken), 400, 'the session is gone');
  const large = await open();
  assert.equal((await post(large, `4${'x'.repeat(PAYLOAD_MAX)}`)).status, 413);
  assert.deepEqual(await post(large, '40'), { status: 200, body: 'ok' }, 'the session is not');
  await assertServesOthers(scope, instance);
});

test('a thousand idle polls', async (scope) => {
  const instance = await ready(scope, ['--ephemeral']);
  const path = '/socket.io/?EIO=4&transport=polling';
  const idle = async () => {
    const raw = await Raw.open(scope, instance);
    const request = (query) => `GET ${path}${query} HTTP/1.1\r\nHost: x\r\n\r\n`;
    raw.write(request(''));
    await raw.receives('"maxPayload"');
    const sid = /"sid":"([^"]+)"/.exec(raw.received.toString())[1];
    raw.write(request(`&sid=${sid}`));
    return raw;
  };
  const all = [];
  while (all.length < IDLE_POLLS) {
    all.push(...(await Promise.all(Array.from({ length: POLLS_AT_ONCE }, idle))));
  }
  await assertServesOthers(scope, instance);
  assert.equal(all.filter((raw) => raw.closed).length, 0, 'all of them still wait');
  for (const raw of all) raw.socket.destroy();
  await assertServesOthers(scope, instance);
});

test('a client that does not read is closed, and costs the others nothing', async (scope) => {
  const env = { PALABRE__OUTBOX_BYTES: '65536' };
  const instance = await ready(scope, ['--ephemeral', '--rate-limit', 'none'], { env });
  const slow = await Raw.joined(scope, instance);
  slow.socket.pause();
  const fast = await Stock.connect(scope, instance, { transport: 'websocket' });
  const text = '😀'.repeat(4_000);
  const closedAsSlow = async () => {
    const samples = await instance.assertHealthy();
    const slowOnes = [...samples].filter(([key, value]) => /closed.*slow/.test(key) && value > 0);
    return slowOnes.length > 0;
  };
  let said = 0;
  await until('the slow one is closed', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => fast.say(text)));
    for (const answer of answers) assert.equal(answer.ok, true, JSON.stringify(answer));
    said += answers.length;
    return closedAsSlow();
  }, SLOW_MS_MAX);
  await until('the other one has heard all', () => fast.heard.length === said);
  await assertServesOthers(scope, instance);
});
