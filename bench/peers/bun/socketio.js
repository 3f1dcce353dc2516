// Socket.IO on the engine that it has for Bun: every message goes to everybody.
import { parseArgs } from "node:util";
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";

const { values } = parseArgs({ options: { port: { type: "string" } } });

const io = new Server();
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);

io.on("connection", (socket) => {
  socket.on("chat message", (text, acknowledge) => {
    io.emit("chat message", text);
    acknowledge("ok");
  });
});

const server = Bun.serve({
  ...engine.handler(),
  port: Number(values.port),
  hostname: "127.0.0.1",
});
console.log(`listening on ${server.port}`);
