/**
 * The time limits of calls. A timer for each call would cost more than the call, so those that end at about the same time share
 * one.
 */

import type { Timer } from '../environment.js';
import { DEADLINE_TICK_MS } from './client-limits.js';
import type { ClientEnvironment } from './world.js';

export interface Limited {
  readonly deadlineMs: number;
  onDeadline(): void;
}

export class Deadlines {
  readonly #environment: Pick<ClientEnvironment, 'nowMs' | 'startTimer'>;
  /** Those that wait, by the tick after their deadline. */
  readonly #waiting = new Map<number, Set<Limited>>();
  #timer: Timer | undefined;

  constructor(environment: Pick<ClientEnvironment, 'nowMs' | 'startTimer'>) {
    this.#environment = environment;
  }

  /** Has `onDeadline` called at the deadline, or up to two ticks later. */
  add(limited: Limited): void {
    const tick = tickOf(limited);
    const others = this.#waiting.get(tick);
    if (others === undefined) this.#waiting.set(tick, new Set([limited]));
    else others.add(limited);
    this.#timer ??= this.#environment.startTimer(this.#onTick, DEADLINE_TICK_MS);
  }

  /** It is over in time. No effect when it is not waited for. */
  delete(limited: Limited): void {
    const tick = tickOf(limited);
    const others = this.#waiting.get(tick);
    if (others?.delete(limited) === true && others.size === 0) this.#waiting.delete(tick);
  }

  /** Stops the timer: nobody is called any more. */
  clear(): void {
    this.#waiting.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #onTick = () => {
    this.#timer = undefined;
    const nowMs = this.#environment.nowMs();
    for (const [tick, due] of [...this.#waiting]) {
      if (tick * DEADLINE_TICK_MS > nowMs) continue;
      this.#waiting.delete(tick);
      for (const limited of due) limited.onDeadline();
    }
    if (this.#waiting.size > 0) this.#timer ??= this.#environment.startTimer(this.#onTick, DEADLINE_TICK_MS);
  };
}

function tickOf({ deadlineMs }: Limited): number {
  return Math.ceil(deadlineMs / DEADLINE_TICK_MS);
}
