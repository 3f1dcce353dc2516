// A socket without a network.

import type { Wire } from "../client/connection.ts";
import type { Welcome } from "../client/protocol.ts";

/** What socket.io-client's socket does, as far as a connection sees it. */
export class FakeWire implements Wire {
  active = true;
  connected = false;
  connects = 0;
  engineClosed = 0;
  emitted: { command: string; takes: unknown; answer: (answer: unknown) => void }[] = [];
  readonly #heard = new Map<string, (value: unknown) => void>();
  #upgraded: (() => void) | undefined;
  readonly io = {
    engine: {
      transport: { name: "polling" },
      on: (_event: "upgrade", listener: () => void) => {
        this.#upgraded = listener;
      },
      close: () => {
        this.engineClosed += 1;
      },
    },
  };

  on(event: string, listener: (value: never) => void): void {
    this.#heard.set(event, listener as (value: unknown) => void);
  }

  emit(command: string, ...args: unknown[]): void {
    const [takes, answer] = args;
    this.emitted.push({ command, takes, answer: answer as (answer: unknown) => void });
  }

  connect(): void {
    this.connects += 1;
  }

  disconnect(): void {
    this.hear("disconnect", "io client disconnect");
  }

  hear(event: string, value?: unknown): void {
    this.#heard.get(event)?.(value);
  }

  upgrade(): void {
    this.io.engine.transport.name = "websocket";
    this.#upgraded?.();
  }
}

export const welcome = (more: Partial<Welcome> = {}): Welcome => {
  return { user: "u1", name: "Awa", instance: "a", version: "1", protocol: 1, ...more };
};
