/** Runs the fuzzing of a target in a thread, and watches it. */

import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { readCorpus } from './corpus.js';
import type { FuzzLimits } from './fuzzer.js';
import type { Target } from './target.js';
import type { FuzzReport, FuzzTask } from './worker.js';

const WORKER = new URL('./worker.js', import.meta.url);
const HEADER_BYTES = 8;
/** Nothing that a target does grows with the number of inputs. */
const MAX_HEAP_MIB = 512;
const WATCH_EVERY_MS = 500;
/** An input that has not returned by then never will. */
const HUNG_AFTER_MS = 20_000;

export interface RunOptions {
  /** The script of the thread. */
  readonly worker?: URL;
  readonly hungAfterMs?: number;
}

export async function runTarget(
  target: Target,
  seed: number,
  limits: FuzzLimits,
  { worker: script = WORKER, hungAfterMs = HUNG_AFTER_MS }: RunOptions = {},
): Promise<FuzzReport> {
  const current = new SharedArrayBuffer(HEADER_BYTES + target.maxBytes);
  const corpus = await readCorpus(target.name);
  const task: FuzzTask = { target: target.name, seed, corpus, limits, current };
  const worker = new Worker(script, {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });
  const ended = new AbortController();
  try {
    const report = new Promise<FuzzReport>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    return await Promise.race([report, watch(current, hungAfterMs, ended.signal)]);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { inputs: countOf(current), covered: 0, kept: [], failure: { input: lastOf(current), reason } };
  } finally {
    ended.abort();
    await worker.terminate();
  }
}

/** Rejects when no further input is begun for a long time. */
async function watch(current: SharedArrayBuffer, hungAfterMs: number, signal: AbortSignal): Promise<never> {
  let before = -1;
  for (let hungMs = 0; ; hungMs += WATCH_EVERY_MS) {
    await pause(WATCH_EVERY_MS, undefined, { signal });
    const count = countOf(current);
    if (count !== before || count === 0) hungMs = 0;
    before = count;
    if (hungMs > hungAfterMs) throw new Error(`an input did not return within ${hungAfterMs} ms`);
  }
}

function countOf(current: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(current, 0, 2), 0);
}

function lastOf(current: SharedArrayBuffer): Uint8Array {
  const length = new Int32Array(current, 0, 2)[1] ?? 0;
  return Uint8Array.from(new Uint8Array(current, HEADER_BYTES).subarray(0, length));
}
