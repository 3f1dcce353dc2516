// What could not be sent, kept in this tab over a reload.

import type { Outgoing, Room } from "../client/index.ts";
import { ofThisTab } from "./storage.ts";

/** What an earlier life of the page left unsent in a room. */
export function unsentOf(key: string): Outgoing[] {
  try {
    const kept: unknown = JSON.parse(ofThisTab.get(`unsent:${key}`) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isOutgoing) : [];
  } catch {
    return [];
  }
}

/** Keeps what is unsent in a room, each time that it has changed. */
export function keepUnsent(room: Room): () => void {
  let kept = room.outgoing;
  return room.on("change", () => {
    if (room.outgoing === kept) return;
    kept = room.outgoing;
    const left = kept.filter((item) => item.state !== "placed");
    ofThisTab.set(`unsent:${room.key}`, left.length === 0 ? undefined : JSON.stringify(left));
  });
}

function isOutgoing(item: unknown): item is Outgoing {
  if (typeof item !== "object" || item === null) return false;
  const { id, text, at } = item as Partial<Record<string, unknown>>;
  return typeof id === "string" && typeof text === "string" && typeof at === "number";
}
