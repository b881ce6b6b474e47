/**
 * Fuzzes one target: guided by coverage, when inputs that ran something new are kept and changed further; or without, which is
 * faster, with inputs made of those that were kept.
 *
 * Reading the coverage takes as long as hundreds of inputs. So it is read after a batch of them; only when that has run something
 * new, parts of the batch are run again to learn which did.
 */

import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Random } from '../../tools/support/random.js';
import { Mutator } from '../support/mutator.js';
import type { Coverage } from './coverage.js';
import type { Target } from './target.js';

/** Inputs between two looks at the coverage: more of them the longer nothing new was found. */
const MIN_BATCH = 128;
const MAX_BATCH = 8_192;
/** An input that takes longer is a failure: the promise is that whatever clients send is bounded in time. */
const MAX_INPUT_MS = 1_000;
/** Until then memory grows by what is kept of the first inputs, and by compiled code. */
const WARM_UP_INPUTS = 30_000;

export interface FuzzLimits {
  /** Ends after this many inputs ... */
  readonly inputs: number;
  /** ... or when this time has passed, in ms. */
  readonly timeMs: number;
}

export interface Failure {
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface FuzzResult {
  readonly inputs: number;
  /** Characters of the program's code that ran. */
  readonly covered: number;
  /** How long all took. */
  readonly tookMs: number;
  readonly slowestMs: number;
  /** By how much the memory of the thread has grown after the first 30,000 inputs; undefined when there were fewer. */
  readonly grownBytes: number | undefined;
  /** Inputs that ran something new, the ones it began with included. */
  readonly kept: readonly Uint8Array[];
  readonly failure: Failure | undefined;
}

export interface FuzzerOptions {
  readonly target: Target;
  readonly random: Random;
  readonly corpus: readonly Uint8Array[];
  /** Undefined to run without. */
  readonly coverage: Coverage | undefined;
  /** Called before each input is run, so that somebody else knows it should it never return. */
  readonly onInput?: (input: Uint8Array) => void;
}

export class Fuzzer {
  readonly #target: Target;
  readonly #onInput: (input: Uint8Array) => void;
  readonly #coverage: Coverage | undefined;
  readonly #mutator: Mutator;
  readonly #first: readonly Uint8Array[];
  readonly #kept: Uint8Array[] = [];
  #batch: number;
  #inputs = 0;
  #slowestMs = 0;
  #warmBytes: number | undefined;
  #failure: Failure | undefined;

  constructor({ target, random, corpus, coverage, onInput = () => undefined }: FuzzerOptions) {
    this.#target = target;
    this.#coverage = coverage;
    this.#batch = coverage === undefined ? MAX_BATCH : MIN_BATCH;
    this.#onInput = onInput;
    this.#mutator = new Mutator(random, target.words, target.maxBytes);
    this.#first = [...target.seeds, ...corpus, new Uint8Array(0)];
  }

  /** Runs until a limit, or the first failure. */
  async run({ inputs, timeMs }: FuzzLimits): Promise<FuzzResult> {
    const startMs = performance.now();
    // A trace takes longer than most of the refusals that it is made for.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      await this.#runOneByOne(this.#first);
      while (this.#failure === undefined && this.#inputs < inputs && performance.now() - startMs < timeMs) {
        await this.#runBatch();
        if (this.#inputs >= WARM_UP_INPUTS) this.#warmBytes ??= usedBytes();
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    const tookMs = performance.now() - startMs;
    if (this.#failure !== undefined) await this.#trace(this.#failure);
    return {
      inputs: this.#inputs,
      covered: this.#coverage?.size ?? 0,
      tookMs,
      slowestMs: this.#slowestMs,
      grownBytes: this.#warmBytes === undefined ? undefined : usedBytes() - this.#warmBytes,
      kept: this.#kept,
      failure: this.#failure,
    };
  }

  async #runBatch(): Promise<void> {
    const from = this.#kept.length > 0 ? this.#kept : this.#first;
    const batch = Array.from({ length: this.#batch }, () => this.#mutator.next(from));
    for (const input of batch) {
      await this.#try(input);
      if (this.#failure !== undefined) return;
    }
    if (this.#coverage === undefined) return;
    const hasNew = this.#coverage.takeNew({ isToKeep: false }) > 0;
    this.#batch = Math.min(MAX_BATCH, Math.max(MIN_BATCH, hasNew ? this.#batch / 4 : 2 * this.#batch));
    if (hasNew) await this.#find(batch, this.#coverage);
  }

  /** Keeps those of the inputs that run something new: halves of them are run again, down to one. */
  async #find(inputs: readonly Uint8Array[], coverage: Coverage): Promise<void> {
    const middle = inputs.length >> 1;
    if (middle === 0) return this.#runOneByOne(inputs);
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      coverage.takeNew({ isToKeep: false });
      for (const input of half) await this.#try(input);
      if (this.#failure !== undefined) return;
      if (coverage.takeNew({ isToKeep: false }) > 0) await this.#find(half, coverage);
    }
  }

  async #runOneByOne(inputs: readonly Uint8Array[]): Promise<void> {
    this.#coverage?.takeNew({ isToKeep: false });
    for (const input of inputs) {
      await this.#try(input);
      if (this.#failure !== undefined) return;
      if (this.#coverage !== undefined && this.#coverage.takeNew({ isToKeep: true }) > 0)
        this.#kept.push(input);
    }
  }

  async #try(input: Uint8Array): Promise<void> {
    this.#inputs += 1;
    this.#onInput(input);
    const startMs = performance.now();
    try {
      await this.#target.run(input);
      const tookMs = performance.now() - startMs;
      if (tookMs > this.#slowestMs) await this.#judgeSlow(input, tookMs);
    } catch (error) {
      this.#failure = { input, error };
    }
  }

  /** Time in which the machine did other things is not the input's: another run of it may be quicker, or take little CPU time. */
  async #judgeSlow(input: Uint8Array, tookMs: number): Promise<void> {
    const [startMs, before] = [performance.now(), process.cpuUsage()];
    await this.#target.run(input);
    const ownMs = Math.min(tookMs, performance.now() - startMs);
    this.#slowestMs = Math.max(this.#slowestMs, ownMs);
    if (ownMs > MAX_INPUT_MS && cpuMsSince(before) > MAX_INPUT_MS)
      throw new Error(`it took ${Math.round(ownMs)} ms, over ${MAX_INPUT_MS}`);
  }

  /** Has the failure say where it came from, if it comes again. */
  async #trace({ input }: Failure): Promise<void> {
    try {
      await this.#target.run(input);
    } catch (error) {
      this.#failure = { input, error };
    }
  }
}

/** CPU time of the process, in ms. */
function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** What this thread holds once all garbage is gone. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
