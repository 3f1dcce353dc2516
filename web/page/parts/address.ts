// The address of a room: `r/{room}` under the base path.

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
