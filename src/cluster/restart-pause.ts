/**
 * How long to wait before a server that died by itself is started again: longer after each death in a row, since the
 * cause may still be there.
 */

import { FIRST_RESTART_PAUSE_MS, LONGEST_RESTART_PAUSE_MS, RECOVERED_AFTER_MS } from '../time-limits.js';

export class RestartPause {
  #nextMs = FIRST_RESTART_PAUSE_MS;

  /** The pause after a death, in ms. `upForMs` is how long the server was up before, 0 if it never was. */
  afterDeath(upForMs: number): number {
    const pauseMs = upForMs >= RECOVERED_AFTER_MS ? FIRST_RESTART_PAUSE_MS : this.#nextMs;
    this.#nextMs = Math.min(LONGEST_RESTART_PAUSE_MS, pauseMs * 2);
    return pauseMs;
  }
}
