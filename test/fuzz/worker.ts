/** Fuzzes one target in a thread of its own, so that somebody can end it when an input never returns or takes all memory. */

import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../../tools/support/random.js';
import { Coverage } from './coverage.js';
import { Fuzzer, type FuzzLimits, type FuzzResult } from './fuzzer.js';

export interface FuzzTask {
  readonly target: string;
  readonly seed: number;
  readonly corpus: readonly Uint8Array[];
  readonly limits: FuzzLimits;
  /** Whether coverage is counted. */
  readonly isGuided: boolean;
  /** How many inputs were begun, and the length of the last (i32 each), and its bytes. */
  readonly current: SharedArrayBuffer;
}

/** What the worker says at its end: errors as text. */
export interface FuzzReport extends Omit<FuzzResult, 'failure'> {
  readonly failure: { readonly input: Uint8Array; readonly reason: string } | undefined;
}

const HEADER_BYTES = 8;

if (parentPort !== null) parentPort.postMessage(await fuzz(workerData));

async function fuzz({
  target: name,
  seed,
  corpus,
  limits,
  isGuided,
  current,
}: FuzzTask): Promise<FuzzReport> {
  const coverage = isGuided ? new Coverage() : undefined;
  const { TARGETS } = await import('./targets.js');
  const target = TARGETS.get(name);
  if (target === undefined) throw new RangeError(`there is no target ${name}`);
  const header = new Int32Array(current, 0, 2);
  const bytes = new Uint8Array(current, HEADER_BYTES);
  const onInput = (input: Uint8Array) => {
    bytes.set(input.subarray(0, bytes.byteLength));
    header[1] = input.byteLength;
    Atomics.add(header, 0, 1);
  };
  const random = new Random(seed).split(isGuided ? name : `${name}, without coverage`);
  const fuzzer = new Fuzzer({ target, random, corpus, coverage, onInput });
  const { failure, ...result } = await fuzzer.run(limits);
  coverage?.close();
  return {
    ...result,
    failure: failure && { input: failure.input, reason: reasonOf(failure.error) },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
