// Socket.IO on Node: every message goes to everybody. With --redis, through its Redis adapter.
//
// As its documentation recommends: ws as WebSocket server with its native add-on bufferutil, no
// compression (the default), and no reference kept to the first HTTP request of a session.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { values } = parseArgs({ options: { port: { type: "string" }, redis: { type: "string" } } });

const options = {};
if (values.redis) {
  const publisher = createClient({ url: values.redis });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) {
    client.on("error", (error) => console.error(error));
  }
  await Promise.all([publisher.connect(), subscriber.connect()]);
  options.adapter = createAdapter(publisher, subscriber);
}

const server = createServer();
const io = new Server(server, options);

io.engine.on("connection", (socket) => {
  socket.request = null;
});

io.on("connection", (socket) => {
  socket.on("chat message", (text, acknowledge) => {
    io.emit("chat message", text);
    acknowledge("ok");
  });
});

server.listen({ port: Number(values.port), host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on ${server.address().port}`);
});
