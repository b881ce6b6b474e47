/**
 * What a room of the program asks of the world around it: time, and to be called again. Everything below `cluster/` is
 * handed one and calls no clock, timer or random generator by itself, so that the simulator can run the real code on
 * virtual time, from one seed.
 */

export interface Environment {
  /** Monotonic time in ms. All threads of the process share the clock. */
  nowMs(): number;

  /** Wall-clock time in ms since 1970, which may jump in either direction. */
  wallClockMs(): number;

  /** Uniform in [0, 1). */
  random(): number;

  /** What the operating system knows of the process. */
  readonly process: ProcessFacts;

  /** Calls back once, no sooner than in `delayMs` ms. */
  startTimer(callback: () => void, delayMs: number): Timer;

  /** Calls back once everything was handed out that has arrived by now: in the check phase of the event loop's turn. */
  atEndOfTurn(callback: () => void): void;

  /** Calls back as soon as the running callback has returned, before anything else is handed out. */
  afterCallback(callback: () => void): void;
}

export interface ProcessFacts {
  readonly pid: number;
  /** In bytes: the thread's heap as far as it is used, and what the whole process has in memory. */
  memoryUsage(): { readonly heapUsed: number; readonly rss: number };
  /** In microseconds since the process began. */
  cpuUsage(): { readonly user: number; readonly system: number };
}

export interface Timer {
  /** It will not call back. No effect once it has. */
  cancel(): void;
}

/** Resolves after `delayMs` ms. */
export function sleep(environment: Pick<Environment, 'startTimer'>, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    environment.startTimer(resolve, delayMs);
  });
}

/** Resolves once everything was handed out that has arrived by now. */
export function endOfTurn(environment: Pick<Environment, 'atEndOfTurn'>): Promise<void> {
  return new Promise((resolve) => environment.atEndOfTurn(resolve));
}

/** The thread's own clocks, timers and event loop. */
export const NODE_ENVIRONMENT: Environment = {
  nowMs: () => performance.now(),
  wallClockMs: () => Date.now(),
  random: () => Math.random(),
  process,
  startTimer: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  atEndOfTurn: (callback) => {
    setImmediate(callback);
  },
  afterCallback: (callback) => process.nextTick(callback),
};
