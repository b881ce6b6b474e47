/**
 * The world outside the program: one virtual time for all threads, a wall clock that can be set, and a loop that lets one
 * event after the other happen. Whatever promises have to do because of an event is done before the next one.
 */

import { Timeline } from './timeline.js';

/** The wall clock's time when a run begins: any, and the same in each run. */
const START_OF_RUN_MS = Date.UTC(2026, 0, 1);

export class World {
  readonly timeline = new Timeline();
  #wallClockOffsetMs = START_OF_RUN_MS;
  /** To be called before promises go on, and before the next event. */
  #afterCallbacks: (() => void)[] = [];

  get nowMs(): number {
    return this.timeline.nowMs;
  }

  get wallClockMs(): number {
    return Math.floor(this.timeline.nowMs + this.#wallClockOffsetMs);
  }

  /** Sets the wall clock forward, or back when `byMs` is negative. */
  moveWallClock(byMs: number): void {
    this.#wallClockOffsetMs += byMs;
  }

  afterCallback(callback: () => void): void {
    this.#afterCallbacks.push(callback);
  }

  /**
   * Lets events happen until `isOver`, which is asked after each of them, or until none is left before `endMs`: then it
   * resolves to false. Rejects with what `isOver` throws.
   */
  async run(isOver: () => boolean, endMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    await promisesAtRest();
    while (!isOver()) {
      if (!this.timeline.step(endMs)) return false;
      this.#callAfterCallbacks();
      await promisesAtRest();
      while (this.#afterCallbacks.length > 0) {
        this.#callAfterCallbacks();
        await promisesAtRest();
      }
    }
    return true;
  }

  #callAfterCallbacks(): void {
    while (this.#afterCallbacks.length > 0) {
      const callbacks = this.#afterCallbacks;
      this.#afterCallbacks = [];
      for (const callback of callbacks) callback();
    }
  }
}

/** Resolves when no promise has anything left to do: Node calls what is due at the next tick only then. */
function promisesAtRest(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
