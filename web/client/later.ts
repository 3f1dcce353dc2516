// Waiting, so that a test can do it in its own time: what calls later, and returns what calls it
// off.

export type Later = (ms: number, then: () => void) => () => void;

export const laterByTimer: Later = (ms, then) => {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
};
