/**
 * What a server does while its disk, or the operating system, lacks something that may come back: it tries again, ever less
 * often, and tells for how long it has.
 */

import type { Environment, Timer } from '../environment.js';
import { MAX_LACK_PAUSE_MS, MIN_LACK_PAUSE_MS } from '../limits.js';
import type { Patience } from '../storage/lack-retries.js';

export interface Lack {
  /** The operating system's error. */
  readonly cause: unknown;
  /** Since when, in ms of the environment's clock. */
  readonly sinceMs: number;
}

interface Waiting {
  readonly timer: Timer;
  readonly giveUp: () => void;
}

export class DiskPatience implements Patience {
  readonly #environment: Environment;
  readonly #onChange: () => void;
  readonly #waiting = new Set<Waiting>();
  #pauseMs = MIN_LACK_PAUSE_MS;
  #lack: Lack | undefined;
  #lastOverMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  /** @param onChange called when something begins to be lacking, and when it is there again */
  constructor(environment: Environment, onChange: () => void) {
    this.#environment = environment;
    this.#onChange = onChange;
  }

  /** What is lacking; undefined when nothing is. */
  get lack(): Lack | undefined {
    return this.#lack;
  }

  /** When what was lacking was there again, the last time; minus infinity when nothing ever was lacking. */
  get lastOverMs(): number {
    return this.#lastOverMs;
  }

  wait(cause: unknown): Promise<void> {
    if (this.#isStopped) return Promise.reject(cause);
    const isNew = this.#lack === undefined;
    this.#lack = { cause, sinceMs: this.#lack?.sinceMs ?? this.#environment.nowMs() };
    if (isNew) this.#onChange();
    // Servers that lack the same room do not ask for it all at once.
    const pauseMs = this.#pauseMs * (0.5 + this.#environment.random() / 2);
    this.#pauseMs = Math.min(MAX_LACK_PAUSE_MS, 2 * this.#pauseMs);
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
    if (this.#lack === undefined) return;
    this.#lack = undefined;
    this.#lastOverMs = this.#environment.nowMs();
    this.#pauseMs = MIN_LACK_PAUSE_MS;
    this.#onChange();
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#isStopped = true;
    for (const { timer, giveUp } of this.#waiting) {
      timer.cancel();
      giveUp();
    }
  }
}
