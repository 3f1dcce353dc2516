// The list of those who are in a room, kept up to date by what is told of comings and goings.

import type { Member, Presence } from "../../client/index.ts";

/** More people than this are counted, and not listed. */
export const LISTED_MAX = 200;

/** By name; nothing where the list would be too long, or is not all of them. */
export function sorted(members: readonly Member[], count: number): readonly Member[] | undefined {
  if (count > LISTED_MAX || members.length < count) return undefined;
  return [...members].sort((a, b) => a.name.localeCompare(b.name) || (a.user < b.user ? -1 : 1));
}

/** The list after somebody came or left; nothing where it can't be told from what is known. */
export function afterPresence(
  members: readonly Member[] | undefined,
  { joined, left, count }: Presence,
): readonly Member[] | undefined {
  if (members === undefined) return undefined;
  const gone = new Set([...left, ...joined.map(({ user }) => user)]);
  const now = [...members.filter(({ user }) => !gone.has(user)), ...joined];
  return now.length === count ? sorted(now, count) : undefined;
}
