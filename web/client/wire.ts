// socket.io-client as a connection uses it. It reconnects by itself; this says how, and helps it
// over the one case in which it would not notice for a while that an attempt has failed.

import { io, type Manager } from "socket.io-client";
import type { Wire } from "./connection.ts";

export type Transport = "websocket" | "polling";

/** Straight to WebSocket, and back to polling only where that can't be had. */
const TRANSPORTS: readonly Transport[] = ["websocket", "polling"];

/** What a socket is made from. */
export interface WireOptions {
  /** Under which `socket.io/` lies. */
  url: string | URL;
  /** What is said at every connect. */
  auth: () => object;
  retryMs?: { first: number; longest: number } | undefined;
  transports?: readonly Transport[] | undefined;
}

/** A socket that is not yet connected. */
export function wireTo({ url, auth, retryMs, transports = TRANSPORTS }: WireOptions): Wire {
  const { origin, pathname } = new URL("socket.io/", url);
  const socket = io(origin, {
    path: pathname,
    autoConnect: false,
    // Two connections of one program are two, whatever they share.
    forceNew: true,
    transports: [...transports],
    tryAllTransports: true,
    auth: (tell) => tell(auth()),
    ...(retryMs && {
      reconnectionDelay: retryMs.first,
      reconnectionDelayMax: retryMs.longest,
    }),
  });
  const connect = socket.connect.bind(socket);
  socket.connect = () => {
    connect();
    failWhenClosed(socket.io);
    return socket;
  };
  socket.io.on("reconnect_attempt", () => queueMicrotask(() => failWhenClosed(socket.io)));
  return socket as unknown as Wire;
}

/**
 * A transport that opens and is closed before the server's first packet is no error to the engine,
 * and the manager would wait for its timeout of 20 seconds before it tries again.
 */
function failWhenClosed({ engine }: Manager): void {
  if (engine?.readyState !== "opening") return;
  const fail = () => {
    (engine.emit as (event: "error", error: Error) => void)("error", new Error("closed"));
  };
  engine.once("close", fail);
  engine.once("open", () => engine.off("close", fail));
}
