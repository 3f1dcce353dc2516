// Bun's own WebSockets and their publish, without Socket.IO: it speaks just as much of it as the
// load generator needs. No rooms, no pings of Engine.IO, no sessions.
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { port: { type: "string" } } });

const EVERYBODY = "everybody";
const SEND = /^42(\d+)\["chat message",("(?:[^"\\]|\\.)*")/;
const handshake = { upgrades: [], pingInterval: 36000000, pingTimeout: 20000, maxPayload: 1000000 };
let sockets = 0;

const server = Bun.serve({
  port: Number(values.port),
  hostname: "127.0.0.1",
  fetch(request, server) {
    if (server.upgrade(request)) return undefined;
    return new Response("only WebSockets", { status: 400 });
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      sockets += 1;
      socket.send(`0${JSON.stringify({ sid: `socket-${sockets}`, ...handshake })}`);
    },
    message(socket, packet) {
      if (packet === "40") {
        socket.subscribe(EVERYBODY);
        socket.send('40{"sid":"everybody"}');
        return;
      }
      const [, id, text] = SEND.exec(packet) ?? [];
      if (id === undefined) return;
      server.publish(EVERYBODY, `42["chat message",${text}]`);
      socket.send(`43${id}["ok"]`);
    },
  },
});
console.log(`listening on ${server.port}`);
