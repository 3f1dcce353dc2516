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
