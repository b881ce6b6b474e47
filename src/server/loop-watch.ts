/**
 * Watches a thread's event loop for being blocked, by whatever it is: the server's work, a callback, the garbage collector.
 *
 * Node itself looks at the loop, without JavaScript. A block is measured by up to {@link RESOLUTION_MS} too short. The thread's
 * garbage is looked at as often as the loop is.
 */

import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { MAX_TURN_MS } from '../time-limits.js';
import { GarbageWatch } from './garbage-watch.js';

/** How often the loop is looked at. What blocks it for less is not seen. */
const RESOLUTION_MS = 10;
const CHECK_INTERVAL_MS = 1_000;
const NS_PER_MS = 1e6;

/** {@link LoopDelays.longestMs} is the longest of this many checks: about what lies between two scrapes. */
const REMEMBERED_CHECKS = 15;

export interface LoopDelays {
  /** The longest time that the loop was blocked in the last 15 s, in ms. */
  readonly longestMs: number;
  /** Seconds in which it was blocked for over {@link MAX_TURN_MS}, since the thread's start. */
  readonly secondsWithLongTurns: number;
}

export class LoopWatch {
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #onCheck: (blockedMs: number) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #garbage = new GarbageWatch();
  /** The longest block before each of the last checks, the last check's last. */
  readonly #longestMs: number[] = [];
  #secondsWithLongTurns = 0;
  #checkedAtMs = performance.now();
  /** A block right after the last check. */
  #startLateMs = 0;

  /** @param onCheck gets, once a second, the longest time in that second that the loop was blocked, in ms */
  constructor(onCheck: (blockedMs: number) => void) {
    this.#onCheck = onCheck;
    this.#delays.enable();
    this.#timer = setInterval(() => this.#check(performance.now()), CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  read(): LoopDelays {
    return {
      longestMs: Math.max(this.#blockedMs, ...this.#longestMs),
      secondsWithLongTurns: this.#secondsWithLongTurns,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delays.disable();
  }

  #check(nowMs: number): void {
    // A block that has just ended may not be in the histogram: then this check is late by it.
    const lateMs = nowMs - this.#checkedAtMs - CHECK_INTERVAL_MS;
    const blockedMs = Math.max(this.#blockedMs, lateMs);
    this.#checkedAtMs = nowMs;
    this.#startLateMs = 0;
    this.#delays.reset();
    // Node measures from its next look on; what comes before makes this timer late.
    setTimeout(() => {
      this.#startLateMs = performance.now() - nowMs - RESOLUTION_MS;
    }, RESOLUTION_MS).unref();
    this.#longestMs.push(blockedMs);
    if (this.#longestMs.length > REMEMBERED_CHECKS) this.#longestMs.shift();
    if (blockedMs > MAX_TURN_MS) this.#secondsWithLongTurns += 1;
    this.#garbage.look();
    this.#onCheck(blockedMs);
  }

  /** Since the last check. What Node measures is the time between two looks. */
  get #blockedMs(): number {
    return Math.max(0, this.#startLateMs, this.#delays.max / NS_PER_MS - RESOLUTION_MS);
  }
}
