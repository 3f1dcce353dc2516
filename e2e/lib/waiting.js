// Waiting for things that happen, each with a deadline. Nothing here waits for time to pass.

/** How long anything may take before a test gives up on it, in milliseconds. */
export const PATIENCE_MS = 60_000;
const LOOK_AGAIN_MS = 15;

/**
 * Asks `condition` again and again until its answer is truthy, and returns that answer.
 * An error that it throws counts as "not yet" and is reported when the time is up.
 */
export async function until(what, condition, patienceMs = PATIENCE_MS) {
  const end = performance.now() + patienceMs;
  let last = 'no answer';
  while (performance.now() < end) {
    try {
      const answer = await condition();
      if (answer) return answer;
      last = `last answer: ${answer}`;
    } catch (error) {
      last = `last error: ${error.message}`;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  throw new Error(`gave up on: ${typeof what === 'function' ? what() : what} (${last})`);
}

/** The outcome of `promise`, or an error when it takes longer than the patience allows. */
export async function within(what, promise, patienceMs = PATIENCE_MS) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`gave up on: ${what}`)), patienceMs);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
