/** Pauses after failures, each about twice as long as the one before. */

/** The exponent that is enough for any pause. */
const MAX_DOUBLINGS = 16;

/**
 * The pause after N failures in a row: drawn from [half, whole), so that those who lost the same server do not all come
 * back at once.
 */
export function pauseAfter(
  failures: number,
  minMs: number,
  maxMs: number,
  environment: { random(): number },
): number {
  const pauseMs = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS));
  return pauseMs * (0.5 + environment.random() / 2);
}
