/**
 * Fuzzes one target, guided by coverage: inputs that ran something new are kept, and changed further.
 *
 * Reading the coverage takes as long as hundreds of inputs. So it is read after a batch of them; only when that has run something
 * new, parts of the batch are run again to learn which did.
 */

import type { Random } from '../../tools/support/random.js';
import { Coverage } from './coverage.js';
import { Mutator } from './mutator.js';
import type { Target } from './target.js';

/** Inputs between two looks at the coverage: more of them the longer nothing new was found. */
const MIN_BATCH = 128;
const MAX_BATCH = 8_192;
/** An input that takes longer is a failure: the promise is that whatever clients send is bounded in time. */
const MAX_INPUT_MS = 1_000;

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
  /** Blocks of the program that ran. */
  readonly covered: number;
  /** Inputs that ran something new, the ones it began with included. */
  readonly kept: readonly Uint8Array[];
  readonly failure: Failure | undefined;
}

export interface FuzzerOptions {
  readonly target: Target;
  readonly random: Random;
  readonly corpus: readonly Uint8Array[];
  /** Called before each input is run, so that somebody else knows it should it never return. */
  readonly onInput?: (input: Uint8Array) => void;
}

export class Fuzzer {
  readonly #target: Target;
  readonly #onInput: (input: Uint8Array) => void;
  readonly #coverage = new Coverage();
  readonly #mutator: Mutator;
  readonly #first: readonly Uint8Array[];
  readonly #kept: Uint8Array[] = [];
  #batch = MIN_BATCH;
  #inputs = 0;
  #failure: Failure | undefined;

  constructor({ target, random, corpus, onInput = () => undefined }: FuzzerOptions) {
    this.#target = target;
    this.#onInput = onInput;
    this.#mutator = new Mutator(random, target.words, target.maxBytes);
    this.#first = [...target.seeds, ...corpus, new Uint8Array(0)];
  }

  /** Runs until a limit, or the first failure. */
  async run({ inputs, timeMs }: FuzzLimits): Promise<FuzzResult> {
    const endMs = performance.now() + timeMs;
    try {
      await this.#runOneByOne(this.#first);
      while (this.#failure === undefined && this.#inputs < inputs && performance.now() < endMs)
        await this.#runBatch();
    } finally {
      this.#coverage.close();
    }
    return {
      inputs: this.#inputs,
      covered: this.#coverage.size,
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
    const hasNew = this.#coverage.takeNew({ isToKeep: false }) > 0;
    this.#batch = Math.min(MAX_BATCH, Math.max(MIN_BATCH, hasNew ? this.#batch / 4 : 2 * this.#batch));
    if (hasNew) await this.#find(batch);
  }

  /** Keeps those of the inputs that run something new: halves of them are run again, down to one. */
  async #find(inputs: readonly Uint8Array[]): Promise<void> {
    const middle = inputs.length >> 1;
    if (middle === 0) return this.#runOneByOne(inputs);
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      this.#coverage.takeNew({ isToKeep: false });
      for (const input of half) await this.#try(input);
      if (this.#failure !== undefined) return;
      if (this.#coverage.takeNew({ isToKeep: false }) > 0) await this.#find(half);
    }
  }

  async #runOneByOne(inputs: readonly Uint8Array[]): Promise<void> {
    this.#coverage.takeNew({ isToKeep: false });
    for (const input of inputs) {
      await this.#try(input);
      if (this.#failure !== undefined) return;
      if (this.#coverage.takeNew({ isToKeep: true }) > 0) this.#kept.push(input);
    }
  }

  async #try(input: Uint8Array): Promise<void> {
    this.#inputs += 1;
    this.#onInput(input);
    const startMs = performance.now();
    try {
      await this.#target.run(input);
      const tookMs = performance.now() - startMs;
      if (tookMs > MAX_INPUT_MS) await this.#judgeSlow(input, tookMs);
    } catch (error) {
      this.#failure = { input, error };
    }
  }

  /** Time in which the machine did other things is not the input's: what counts is the CPU time of another run. */
  async #judgeSlow(input: Uint8Array, tookMs: number): Promise<void> {
    const before = process.cpuUsage();
    await this.#target.run(input);
    if (cpuMsSince(before) > MAX_INPUT_MS)
      throw new Error(`it took ${Math.round(tookMs)} ms, over ${MAX_INPUT_MS}`);
  }
}

/** CPU time of the process, in ms. */
function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
