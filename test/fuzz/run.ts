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

/** How much of a run is guided by coverage, which takes longer for each input. */
const GUIDED_TIME = 0.25;
const GUIDED_INPUTS = 0.1;

/** A run of a target: first guided by coverage, then, if nothing was wrong, without. */
export interface RunReport {
  readonly guided: FuzzReport;
  readonly fast: FuzzReport | undefined;
}

export async function runTarget(target: Target, seed: number, limits: FuzzLimits): Promise<RunReport> {
  const corpus = await readCorpus(target.name);
  const guidedLimits = { inputs: GUIDED_INPUTS * limits.inputs, timeMs: GUIDED_TIME * limits.timeMs };
  const guided = await runInThread(target, { seed, corpus, limits: guidedLimits, isGuided: true });
  if (guided.failure !== undefined) return { guided, fast: undefined };
  const fast = await runInThread(target, {
    seed,
    corpus: guided.kept,
    limits: { inputs: limits.inputs - guided.inputs, timeMs: limits.timeMs - guided.tookMs },
    isGuided: false,
  });
  return { guided, fast };
}

export interface RunOptions {
  /** The script of the thread. */
  readonly worker?: URL;
  readonly hungAfterMs?: number;
}

export async function runInThread(
  target: Target,
  part: Omit<FuzzTask, 'target' | 'current'>,
  { worker: script = WORKER, hungAfterMs = HUNG_AFTER_MS }: RunOptions = {},
): Promise<FuzzReport> {
  const current = new SharedArrayBuffer(HEADER_BYTES + target.maxBytes);
  const task: FuzzTask = { ...part, target: target.name, current };
  const worker = new Worker(script, {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });
  const ended = new AbortController();
  const startMs = performance.now();
  try {
    const report = new Promise<FuzzReport>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    return await Promise.race([report, watch(current, hungAfterMs, ended.signal)]);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const unknown = {
      covered: 0,
      tookMs: performance.now() - startMs,
      slowestMs: 0,
      grownBytes: undefined,
      kept: [],
    };
    return { inputs: countOf(current), ...unknown, failure: { input: lastOf(current), reason } };
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
