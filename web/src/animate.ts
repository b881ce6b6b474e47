/** Thirty pictures a second look smooth here, and cost half of what the screen could show. */
const PICTURE_MS = 1000 / 30;
const TOLERANCE_MS = 4;

/** Calls `draw` for each picture, until the returned function is called. */
export function animate(draw: (nowMs: number) => void): () => void {
  let lastMs = 0;
  let request = requestAnimationFrame(function next(nowMs) {
    request = requestAnimationFrame(next);
    if (nowMs - lastMs < PICTURE_MS - TOLERANCE_MS) return;
    lastMs = nowMs;
    draw(nowMs);
  });
  return () => cancelAnimationFrame(request);
}
