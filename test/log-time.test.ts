import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { Timer } from '../src/environment.js';
import { beginLogTime, keepLogTime, LogTime } from '../src/log-time.js';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 1);

describe('log time', () => {
  /** Both clocks of a machine, and one timer. */
  class Clocks {
    monotonicMs = 50;
    wallOffsetMs = START_MS;
    #timer: { readonly dueMs: number; readonly callback: () => void } | undefined;

    readonly nowMs = (): number => this.monotonicMs;
    readonly wallClockMs = (): number => this.monotonicMs + this.wallOffsetMs;
    readonly startTimer = (callback: () => void, delayMs: number): Timer => {
      this.#timer = { dueMs: this.monotonicMs + delayMs, callback };
      return { cancel: () => (this.#timer = undefined) };
    };

    pass(ms: number): void {
      const endMs = this.monotonicMs + ms;
      while (this.#timer !== undefined && this.#timer.dueMs <= endMs) {
        const { dueMs, callback } = this.#timer;
        this.#timer = undefined;
        this.monotonicMs = Math.max(this.monotonicMs, dueMs);
        callback();
      }
      this.monotonicMs = Math.max(this.monotonicMs, endMs);
    }
  }

  function kept(): { clocks: Clocks; logTime: LogTime; memory: SharedArrayBuffer } {
    const clocks = new Clocks();
    const memory = beginLogTime(clocks);
    keepLogTime(clocks, memory);
    return { clocks, logTime: new LogTime(clocks, memory), memory };
  }

  it('begins with the wall clock and goes on with the monotonic one', () => {
    const { clocks, logTime } = kept();
    expect(logTime.nowMs()).to.equal(START_MS + 50);
    clocks.pass(1_000);
    expect(logTime.nowMs()).to.equal(START_MS + 1_050);
  });

  for (const [what, stepMs] of [
    ['ahead', HOUR_MS],
    ['back', -HOUR_MS],
  ] as const)
    it(`goes on within 1 % of its speed when the wall clock is set ${what}`, () => {
      const { clocks, logTime } = kept();
      const before = logTime.nowMs();
      clocks.wallOffsetMs += stepMs;
      clocks.pass(10_000);
      expect(logTime.nowMs() - before).to.be.within(9_900, 10_100);
    });

  it('comes to agree with the wall clock, and then stays with it', () => {
    const { clocks, logTime } = kept();
    clocks.wallOffsetMs -= 5_000;
    clocks.pass(499_000);
    expect(logTime.nowMs()).to.be.within(clocks.wallClockMs() + 1, clocks.wallClockMs() + 100);
    clocks.pass(2_000);
    expect(logTime.nowMs()).to.be.within(clocks.wallClockMs() - 1, clocks.wallClockMs() + 1);
  });

  it('never goes back', () => {
    const { clocks, logTime } = kept();
    clocks.wallOffsetMs -= HOUR_MS;
    let last = logTime.nowMs();
    for (let i = 0; i < 10_000; i += 1) {
      clocks.pass(0.7);
      const now = logTime.nowMs();
      expect(now).to.be.at.least(last);
      last = now;
    }
  });

  it('does not jump when the main thread has stood still for long', () => {
    const { clocks, logTime } = kept();
    clocks.wallOffsetMs += HOUR_MS;
    clocks.monotonicMs += HOUR_MS;
    const before = logTime.nowMs();
    clocks.pass(0);
    expect(logTime.nowMs() - before).to.be.within(0, 10);
  });

  it('goes on from a later stamp, in all threads', () => {
    const { clocks, logTime, memory } = kept();
    const other = new LogTime(clocks, memory);
    logTime.advanceTo(START_MS + HOUR_MS);
    other.advanceTo(START_MS + HOUR_MS / 2);
    for (const one of [logTime, other]) expect(one.nowMs()).to.equal(START_MS + HOUR_MS);
    clocks.pass(10_000);
    expect(other.nowMs(), 'while it is slewed').to.be.within(
      START_MS + HOUR_MS + 9_900,
      START_MS + HOUR_MS + 10_000,
    );
  });

  it('is the same in another thread, whose clock is the same', async () => {
    const environment = { nowMs: () => performance.now(), wallClockMs: () => Date.now() };
    const memory = beginLogTime(environment);
    const module = new URL('../src/log-time.js', import.meta.url).href;
    const code = `import(${JSON.stringify(module)}).then(({ LogTime }) => {
      const { parentPort, workerData } = require('node:worker_threads');
      parentPort.postMessage(new LogTime({ nowMs: () => performance.now() }, workerData).nowMs());
    });`;
    const logTime = new LogTime(environment, memory);
    const before = logTime.nowMs();
    const worker = new Worker(code, { eval: true, workerData: memory });
    const there = await new Promise<number>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(there).to.be.within(before, logTime.nowMs());
    await worker.terminate();
  });
});
