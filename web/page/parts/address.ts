// The address of a room: `r/{room}` under the base path.

import type { Position } from "../../client/index.ts";

/** The room of an address, where it names one. */
export function roomOf(pathname: string, base: string): string | undefined {
  const path = pathname.startsWith(base) ? pathname.slice(base.length) : "";
  const [, named] = /^r\/([^/]+)\/?$/.exec(path) ?? [];
  if (named === undefined) return undefined;
  try {
    return decodeURIComponent(named);
  } catch {
    return named;
  }
}

/** The address of a room. */
export const addressOf = (room: string, base: string): string =>
  `${base}r/${encodeURIComponent(room)}`;

/** A message's place, as the end of an address: `#offset-epoch`. */
export const hashOf = ({ epoch, offset }: Position): string => `#${offset}-${epoch}`;

/** The place that the end of an address names. */
export function placeOf(hash: string): Position | undefined {
  const [, offset, epoch] = /^#(\d+)-(\w+)$/.exec(hash) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}

/** The key that a room of this title gets: letters, digits and what may join them. */
export function keyOfTitle(title: string): string {
  const key = title
    .normalize("NFC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_.-]+/gu, "-")
    .replace(/^[-.]+|[-.]+$/gu, "");
  return [...key].slice(0, ROOM_MAX).join("");
}

const ROOM_MAX = 64;
