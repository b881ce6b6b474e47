/**
 * Work for connections that takes long, a limited part of it in each turn of the event loop: so that those whose leader was
 * lost with much unanswered do not keep all others waiting.
 */

import type { Environment } from '../environment.js';
import { MAX_SLICES_MS_PER_TURN } from '../limits.js';

/** Does a slice; returns whether that was the last. */
export type Slice = () => boolean;

export class Slices {
  readonly #environment: Environment;
  #waiting: Slice[] = [];
  /** What waits goes on at the end of this turn. */
  #isDue = false;
  /** The time that is left for slices in this turn. */
  #leftMs = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Does the slices one after the other, the first of them at once if there is time. */
  run(slice: Slice): void {
    if (!this.#isDue) this.#beginTurn();
    if (this.#waiting.length > 0 || !this.#goOn(slice)) this.#waiting.push(slice);
  }

  /** Does slices while there is time. Returns whether the last is done. */
  #goOn(slice: Slice): boolean {
    while (this.#leftMs > 0) {
      const startMs = this.#environment.nowMs();
      const isDone = slice();
      this.#leftMs -= this.#environment.nowMs() - startMs;
      if (isDone) return true;
    }
    return false;
  }

  #beginTurn(): void {
    this.#isDue = true;
    this.#leftMs = MAX_SLICES_MS_PER_TURN;
    this.#environment.atEndOfTurn(() => this.#endTurn());
  }

  #endTurn(): void {
    this.#isDue = false;
    if (this.#waiting.length === 0) return;
    this.#beginTurn();
    const waiting = this.#waiting;
    this.#waiting = [];
    const left = waiting.findIndex((slice) => !this.#goOn(slice));
    // What came meanwhile comes after those that have waited.
    if (left !== -1) this.#waiting = [...waiting.slice(left), ...this.#waiting];
  }
}
