/**
 * The pauses between retries while a shortage lasts (no space, memory or descriptors): each is twice as long as the last, up
 * to a limit. Tells since when the shortage lasts.
 */

import type { Environment, Timer } from '../environment.js';
import type { Backoff } from '../storage/shortage-retries.js';
import { MAX_SHORTAGE_PAUSE_MS, MIN_SHORTAGE_PAUSE_MS } from '../time-limits.js';

export interface Shortage {
  /** The operating system's error. */
  readonly cause: unknown;
  /** Since when, in ms of the environment's clock. */
  readonly sinceMs: number;
}

interface Waiting {
  readonly timer: Timer;
  readonly giveUp: () => void;
}

export class ShortageBackoff implements Backoff {
  readonly #environment: Environment;
  readonly #onChange: () => void;
  readonly #waiting = new Set<Waiting>();
  #pauseMs = MIN_SHORTAGE_PAUSE_MS;
  #shortage: Shortage | undefined;
  #lastOverMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  /** @param onChange called when a shortage begins, and when it is over */
  constructor(environment: Environment, onChange: () => void) {
    this.#environment = environment;
    this.#onChange = onChange;
  }

  /** The shortage that lasts; undefined without one. */
  get shortage(): Shortage | undefined {
    return this.#shortage;
  }

  /** When the last shortage ended; minus infinity if there never was one. */
  get lastOverMs(): number {
    return this.#lastOverMs;
  }

  wait(cause: unknown): Promise<void> {
    if (this.#isStopped) return Promise.reject(cause);
    const isNew = this.#shortage === undefined;
    this.#shortage = { cause, sinceMs: this.#shortage?.sinceMs ?? this.#environment.nowMs() };
    if (isNew) this.#onChange();
    // A random part, so that servers on the same full disk do not all retry at once.
    const pauseMs = this.#pauseMs * (0.5 + this.#environment.random() / 2);
    this.#pauseMs = Math.min(MAX_SHORTAGE_PAUSE_MS, 2 * this.#pauseMs);
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        this.#waiting.delete(waiting);
        settle();
      };
      const timer = this.#environment.startTimer(end(resolve), pauseMs);
      const waiting: Waiting = { timer, giveUp: end(() => reject(cause)) };
      this.#waiting.add(waiting);
    });
  }

  over(): void {
    if (this.#shortage === undefined) return;
    this.#shortage = undefined;
    this.#lastOverMs = this.#environment.nowMs();
    this.#pauseMs = MIN_SHORTAGE_PAUSE_MS;
    this.#onChange();
  }

  /** Ends all pauses: what waits is given up. */
  stop(): void {
    this.#isStopped = true;
    for (const { timer, giveUp } of this.#waiting) {
      timer.cancel();
      giveUp();
    }
  }
}
