// The chat of the exercise on Node's socket.io, set up as its own documentation recommends:
// `node server.js PORT REDIS_PORT redis-adapter|redis-streams-adapter`.

import { createServer } from 'node:http';
import { createAdapter as createPubSubAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

// The Pub/Sub adapter waits for none of its publications: one that fails would end the process.
process.on('unhandledRejection', (error) => console.error(`unhandled: ${error.message}`));

const [port, redisPort, kind] = process.argv.slice(2);
const client = createClient({ url: `redis://127.0.0.1:${redisPort}` });
// Without a listener an error would end the process; the client connects again by itself.
client.on('error', (error) => console.error(`redis: ${error.message}`));
await client.connect();

async function settings() {
  if (kind === 'redis-streams-adapter') {
    return { adapter: createStreamsAdapter(client), connectionStateRecovery: {} };
  }
  const subscriber = client.duplicate();
  subscriber.on('error', (error) => console.error(`redis: ${error.message}`));
  await subscriber.connect();
  // This adapter can't recover connections, so there is nothing to switch on.
  return { adapter: createPubSubAdapter(client, subscriber) };
}

const http = createServer();
const io = new Server(http, await settings());
io.on('connection', (socket) => {
  socket.on('chat message', (text, id, answer) => {
    io.emit('chat message', text);
    answer?.({ ok: true });
  });
});
http.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));
