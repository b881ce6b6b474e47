/**
 * Loaded into each thread of a program by `node --import`: writes down which turns of its event loop took the thread long.
 *
 * What counts is the CPU time of the thread, as Linux tells it: neither does a busy machine make a turn long, nor a thread that
 * was stopped on purpose. A timer is late by the turn that it waits for, so the CPU time between two ticks is that of the
 * longest turn between them, and of others for at most as long as the ticks are apart: a turn is measured by up to that much too
 * short. Nothing is measured where there is no such file.
 */

import { appendFileSync, openSync, readSync } from 'node:fs';
import { isMainThread, threadId } from 'node:worker_threads';
import { type LongTurn, MAIN_THREAD, TURN_FILE_VARIABLE } from './long-turns.js';

const TICK_MS = 5;
/** Shorter ones are not written down. */
const MIN_MS = 10;
const NS_PER_MS = 1e6;
const CPU_FILE = '/proc/thread-self/schedstat';

const file = process.env[TURN_FILE_VARIABLE];
const cpuFile = openedIfThere(CPU_FILE);
if (file !== undefined && cpuFile !== undefined) watch(file, cpuFile);

function watch(path: string, cpuDescriptor: number): void {
  const thread = isMainThread ? MAIN_THREAD : `worker ${threadId}`;
  const bytes = Buffer.alloc(128);
  const cpuNowMs = () => {
    const count = readSync(cpuDescriptor, bytes, 0, bytes.length, 0);
    return Number.parseInt(bytes.toString('latin1', 0, count), 10) / NS_PER_MS;
  };
  const startMs = performance.now();
  let tickMs = startMs;
  let tickCpuMs = cpuNowMs();
  setInterval(() => {
    const nowMs = performance.now();
    const nowCpuMs = cpuNowMs();
    const cpuMs = nowCpuMs - tickCpuMs - TICK_MS;
    if (cpuMs >= MIN_MS) {
      const turn: LongTurn = {
        thread,
        ageMs: nowMs - startMs,
        atMs: Date.now(),
        cpuMs,
        lateMs: nowMs - tickMs - TICK_MS,
      };
      appendFileSync(path, `${JSON.stringify(turn)}\n`);
    }
    tickMs = nowMs;
    tickCpuMs = nowCpuMs;
  }, TICK_MS).unref();
}

function openedIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}
