// How an author is recognised at a glance: initials, and a hue made from the user's id.

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * The hues that marks have: a step apart, so that two authors rarely look nearly the same. Greens
 * are left out, since green says that somebody is here.
 */
const HUES = 20;
const FIRST_HUE = 175;
const HUES_WIDE = 290;

/** The first letters of the first and the last word of a name. */
export function initials(name: string): string {
  const words = name.split(/[\s_.-]+/u).filter((word) => word !== "");
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends.map((word) => firstLetter(word ?? "")).join("");
}

/** The signs around a name are no part of it, unless there is nothing else. */
function firstLetter(word: string): string {
  const [first] = graphemes.segment(word.replace(/^[\p{P}\p{S}]+(?=[\p{L}\p{N}])/u, ""));
  return (first?.segment ?? "").toLocaleUpperCase();
}

/** A hue in degrees, always the same for the same user. */
export function hueOf(user: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < user.length; i += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(i), 0x01000193);
  }
  // The low bits of this hash are its weakest.
  return (FIRST_HUE + (((hash >>> 8) % HUES) * HUES_WIDE) / HUES) % 360;
}
