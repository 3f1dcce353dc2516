// Drawing at most once a frame, however often something changes; and on a slow machine so rarely
// that half of the time is left for whoever reads and writes.

/** While nobody looks there are no frames; then it is done after so long. */
const UNSEEN_MS = 250;

/** Before then, what was drawn last is given time to be looked at. */
let restsUntil = 0;

/** Does something soon, once for all the times that it was asked for meanwhile. */
export function oncePerFrame(draw: () => void): () => void {
  let asked = false;
  const now = () => {
    if (!asked) return;
    asked = false;
    const begun = performance.now();
    draw();
    afterPaint(() => {
      const took = performance.now() - begun;
      restsUntil = begun + 2 * took;
    });
  };
  return () => {
    if (asked) return;
    asked = true;
    const rest = restsUntil - performance.now();
    // A page that is hidden after it asked gets no frame either.
    setTimeout(now, UNSEEN_MS + Math.max(0, rest));
    if (document.hidden) return;
    if (rest > 0) setTimeout(() => requestAnimationFrame(now), rest);
    else requestAnimationFrame(now);
  };
}

/** From within a frame: once it is on the screen. */
function afterPaint(then: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = then;
  port2.postMessage(undefined);
}
