// Drawing at most once a frame, however often something changes.

/** While nobody looks there are no frames; then it is done after so long. */
const UNSEEN_MS = 250;

/** Does something soon, once for all the times that it was asked for meanwhile. */
export function oncePerFrame(draw: () => void): () => void {
  let asked = false;
  const now = () => {
    if (!asked) return;
    asked = false;
    draw();
  };
  return () => {
    if (asked) return;
    asked = true;
    // A page that is hidden after it asked gets no frame either.
    setTimeout(now, UNSEEN_MS);
    if (!document.hidden) requestAnimationFrame(now);
  };
}
