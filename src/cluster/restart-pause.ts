/**
 * How long to wait before a server that died by itself is started again: longer after each death in a row, since the
 * cause may still be there.
 */

export const FIRST_PAUSE_MS = 100;
export const LONGEST_PAUSE_MS = 5_000;

/** A server that was up for this long has recovered: its next death counts as the first. */
export const RECOVERED_AFTER_MS = 30_000;

export class RestartPause {
  #nextMs = FIRST_PAUSE_MS;

  /** The pause after a death, in ms. `upForMs` is how long the server was up before, 0 if it never was. */
  afterDeath(upForMs: number): number {
    const pauseMs = upForMs >= RECOVERED_AFTER_MS ? FIRST_PAUSE_MS : this.#nextMs;
    this.#nextMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    return pauseMs;
  }
}
