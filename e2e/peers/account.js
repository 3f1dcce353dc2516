// What listeners heard, held against what was acknowledged and against the order in which one who
// was never cut off heard it. Pure.

/**
 * `heard` is a listener's list of `{ text }` and of `{ back: recovered }` in between; `reference`
 * the texts as one who was never cut off heard them; `acknowledged` the texts that were said while
 * the listener was there. `lostUntold` is what was lost by a listener that was never told that
 * something may be missing.
 */
export function account(heard, reference, acknowledged) {
  const places = new Map(reference.map((text, place) => [text, place]));
  const seen = new Set();
  const result = { lost: 0, lostUntold: 0, doubled: 0, reordered: 0 };
  let behind = -1;
  for (const { text } of heard) {
    if (text === undefined) continue;
    const place = places.get(text);
    if (seen.has(text)) result.doubled += 1;
    else if (place < behind) result.reordered += 1;
    seen.add(text);
    behind = Math.max(behind, place ?? behind);
  }
  result.lost = acknowledged.filter((text) => !seen.has(text)).length;
  const wasTold = heard.some(({ back }) => back === false);
  if (!wasTold) result.lostUntold = result.lost;
  return result;
}

/** The sum of several accounts. */
export function sum(accounts) {
  const total = { lost: 0, lostUntold: 0, doubled: 0, reordered: 0 };
  for (const one of accounts) for (const key of Object.keys(total)) total[key] += one[key];
  return total;
}
