/**
 * Log time: what stamps, and so deadlines, are measured in. It is one for the whole process, and goes on as the monotonic
 * clock does, whatever the wall clock is set to.
 *
 * It begins at the wall clock's time, so that time the program was down counts as the wall clock shows it; a server that finds
 * a later stamp on its disk moves it there, since it never goes back. Where the wall clock says something else, log time goes
 * up to 1 % faster or slower until they agree: a TTL lasts as long as it says, within 1 %.
 *
 * What it differs by from the monotonic clock lies in memory that all threads share.
 */

import type { Environment, Timer } from './environment.js';

/** Log time is brought this much closer to the wall clock, per ms. */
const MAX_SLEW = 0.01;
const SLEW_INTERVAL_MS = 100;
/** A main thread that stood still for longer does not make up for it: log time would jump. */
const MAX_SLEWED_MS = 10 * SLEW_INTERVAL_MS;

const US_PER_MS = 1000;
/** In the shared memory: how often the offset has changed, and the offset from the monotonic clock in microseconds. */
const VERSION_PLACE = 0;
const OFFSET_PLACE = 1;
const MEMORY_BYTES = 16;

export class LogTime {
  readonly #environment: Pick<Environment, 'nowMs'>;
  readonly #version: Int32Array;
  readonly #offset: BigInt64Array;
  #seenVersion = -1;
  #offsetMs = 0;
  /** The latest time that this thread has returned. */
  #lastMs = 0;

  /** @param memory of {@link beginLogTime} */
  constructor(environment: Pick<Environment, 'nowMs'>, memory: SharedArrayBuffer) {
    this.#environment = environment;
    this.#version = new Int32Array(memory);
    this.#offset = new BigInt64Array(memory);
  }

  /** In whole ms since 1970. Never less than before, in this thread. */
  nowMs(): number {
    this.#lastMs = Math.max(this.#lastMs, Math.floor(this.#exactMs()));
    return this.#lastMs;
  }

  /** It is at least as late as this stamp, for all threads. */
  advanceTo(stampMs: number): void {
    if (stampMs <= this.nowMs()) return;
    const wanted = offsetOf(stampMs - this.#environment.nowMs());
    let offset = Atomics.load(this.#offset, OFFSET_PLACE);
    while (offset < wanted) {
      const found = Atomics.compareExchange(this.#offset, OFFSET_PLACE, offset, wanted);
      if (found === offset) break;
      offset = found;
    }
    Atomics.add(this.#version, VERSION_PLACE, 1);
  }

  /** Brings it closer to the wall clock, as far as may be done in the `elapsedMs` since it was done last. */
  slewTo(wallClockMs: number, elapsedMs: number): void {
    const mostMs = MAX_SLEW * Math.min(elapsedMs, MAX_SLEWED_MS);
    const errorMs = wallClockMs - this.#exactMs();
    Atomics.add(this.#offset, OFFSET_PLACE, offsetOf(Math.max(-mostMs, Math.min(errorMs, mostMs))));
    Atomics.add(this.#version, VERSION_PLACE, 1);
  }

  #exactMs(): number {
    const version = Atomics.load(this.#version, VERSION_PLACE);
    if (version !== this.#seenVersion) {
      this.#offsetMs = Number(Atomics.load(this.#offset, OFFSET_PLACE)) / US_PER_MS;
      this.#seenVersion = version;
    }
    return this.#environment.nowMs() + this.#offsetMs;
  }
}

/** The memory of a process's log time, which begins now. */
export function beginLogTime(environment: Pick<Environment, 'nowMs' | 'wallClockMs'>): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(MEMORY_BYTES);
  new BigInt64Array(memory)[OFFSET_PLACE] = offsetOf(environment.wallClockMs() - environment.nowMs());
  return memory;
}

/** In microseconds, rounded up: log time reaches the stamp that it is moved to. */
function offsetOf(ms: number): bigint {
  return BigInt(Math.ceil(ms * US_PER_MS));
}

/** Brings log time closer to the wall clock again and again. Only one thread of a process does. */
export function keepLogTime(
  environment: Pick<Environment, 'nowMs' | 'wallClockMs' | 'startTimer'>,
  memory: SharedArrayBuffer,
): Timer {
  const logTime = new LogTime(environment, memory);
  let slewedMs = environment.nowMs();
  const slew = (): Timer =>
    environment.startTimer(() => {
      const nowMs = environment.nowMs();
      logTime.slewTo(environment.wallClockMs(), nowMs - slewedMs);
      slewedMs = nowMs;
      timer = slew();
    }, SLEW_INTERVAL_MS);
  let timer = slew();
  return { cancel: () => timer.cancel() };
}
