/**
 * A thread of the program on virtual time: its environment, and an event loop that can stall and come to its end.
 *
 * Everything that a thread does is done in callbacks. What comes while it stalls waits, in order for each source (a port,
 * the disk, its timers): which source is looked at first when it goes on is drawn. The end of its turn comes last. Once it
 * has ended, nothing is called any more.
 */

import type { Environment, ProcessFacts, Timer } from '../../../src/environment.js';
import type { Random } from '../../../tools/support/random.js';
import type { World } from './world.js';

/** What brings things to a thread in an order of its own. */
export type Source = object | string;

const TIMERS: Source = 'timers';
const END_OF_TURN: Source = 'end of turn';

/** A turn of the event loop ends within this time. */
const MAX_TURN_MS = 0.05;
/** A timer is late by up to this time. */
const MAX_TIMER_DELAY_MS = 1;
/** Node waits no less, and for whole milliseconds. */
const MIN_TIMER_MS = 1;

/** The same in each run. */
const SIMULATED_PROCESS: ProcessFacts = {
  pid: 1,
  memoryUsage: () => ({ heapUsed: 1, rss: 1 }),
  cpuUsage: () => ({ user: 0, system: 0 }),
};

export interface ThreadOptions {
  readonly name: string;
  readonly world: World;
  readonly random: Random;
  /** A callback has thrown, which ends the thread. */
  readonly onError: (error: unknown) => void;
}

export class SimulatedThread {
  readonly name: string;
  readonly environment: Environment;
  /** Callbacks so far. */
  calls = 0;
  readonly #world: World;
  readonly #random: Random;
  readonly #onError: ThreadOptions['onError'];
  readonly #endListeners = new Set<() => void>();
  #hasEnded = false;
  #isStalled = false;
  /** What has come while it stalled. */
  #parked = new Map<Source, (() => void)[]>();
  /** What is due now that it goes on. */
  #due: (() => void)[] = [];

  constructor({ name, world, random, onError }: ThreadOptions) {
    this.name = name;
    this.#world = world;
    this.#random = random;
    this.#onError = onError;
    this.environment = {
      nowMs: () => world.nowMs,
      wallClockMs: () => world.wallClockMs,
      random: random.next,
      process: SIMULATED_PROCESS,
      startTimer: (callback, delayMs) => this.#startTimer(callback, delayMs),
      atEndOfTurn: (callback) => {
        world.timeline.after(random.between(0, MAX_TURN_MS), () => this.deliver(END_OF_TURN, callback));
      },
      afterCallback: (callback) => world.afterCallback(() => this.#call(callback)),
    };
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Calls back now, or as soon as the thread goes on, after what the same source brought before. */
  deliver(source: Source, callback: () => void): void {
    if (this.#hasEnded) return;
    if (this.#isStalled) {
      const parked = this.#parked.get(source);
      if (parked === undefined) this.#parked.set(source, [callback]);
      else parked.push(callback);
    } else if (this.#due.length > 0) this.#due.push(callback);
    else this.#call(callback);
  }

  /** Its event loop stands still for `durationMs`. No effect while it does already. */
  stall(durationMs: number): void {
    if (this.#isStalled || this.#hasEnded) return;
    this.#isStalled = true;
    this.#world.timeline.after(durationMs, () => this.#goOn());
  }

  /** Ends it in the midst of whatever it does. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parked.clear();
    this.#due = [];
    for (const listener of this.#endListeners) listener();
    this.#endListeners.clear();
  }

  /** Calls the listener when the thread ends. */
  onEnd(listener: () => void): void {
    this.#endListeners.add(listener);
  }

  offEnd(listener: () => void): void {
    this.#endListeners.delete(listener);
  }

  #startTimer(callback: () => void, delayMs: number): Timer {
    const wholeMs = Math.max(MIN_TIMER_MS, Math.trunc(delayMs));
    let isCancelled = false;
    const timer = this.#world.timeline.after(wholeMs + this.#random.between(0, MAX_TIMER_DELAY_MS), () =>
      this.deliver(TIMERS, () => {
        if (!isCancelled) callback();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  #goOn(): void {
    if (this.#hasEnded) return;
    this.#isStalled = false;
    const sources = this.#random.shuffled(
      [...this.#parked.keys()].filter((source) => source !== END_OF_TURN),
    );
    for (const source of [...sources, END_OF_TURN]) this.#due.push(...(this.#parked.get(source) ?? []));
    this.#parked.clear();
    if (this.#due.length > 0) this.#callNext();
  }

  /** One callback an event, so that promises go on in between. */
  #callNext(): void {
    const [next] = this.#due;
    if (next === undefined || this.#isStalled) return;
    this.#call(next);
    this.#due.shift();
    if (this.#due.length > 0) this.#world.timeline.after(0, () => this.#callNext());
  }

  #call(callback: () => void): void {
    if (this.#hasEnded) return;
    this.calls += 1;
    try {
      callback();
    } catch (error) {
      this.#onError(error);
    }
  }
}
