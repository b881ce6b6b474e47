/** One client's session: which of its commands are done, and the results of those whose results it may still ask for. */

import { RESULT_OVERHEAD_BYTES } from '../../session-limits.js';

/** What became of a command in an earlier try. */
export type Earlier =
  /** Nothing is known of it: it is to be executed. */
  | 'none'
  /** It is done, and so was said by the client. */
  | 'forgotten'
  /** It is done, and its result was too large to be kept. */
  | 'not kept'
  | { readonly kept: string };

export interface SessionFacts {
  /** One character per byte. */
  readonly id: string;
  readonly ttlMs: number;
  /** The stamp of the entry of its last command. */
  readonly lastUsedMs: number;
  /** The client has the results up to this number. */
  readonly done: number;
}

export class ClientSession implements SessionFacts {
  readonly id: string;
  readonly ttlMs: number;
  lastUsedMs: number;
  /** What an image sees of the session is that of its generation: see ClientSessions. */
  readonly generation: number;
  #done: number;
  /** By the commands' numbers, all of which are above {@link done}. */
  readonly #kept: Map<number, string>;
  /** Commands that are done without a result: bit n stands for the number done + 1 + n. */
  #notKept = 0n;
  #keptBytes = 0;

  constructor(facts: SessionFacts, generation: number, kept: Iterable<readonly [number, string]> = []) {
    this.id = facts.id;
    this.ttlMs = facts.ttlMs;
    this.lastUsedMs = facts.lastUsedMs;
    this.#done = facts.done;
    this.generation = generation;
    this.#kept = new Map(kept);
  }

  get done(): number {
    return this.#done;
  }

  /** Bytes of the results that it keeps, each with what it takes besides. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** The results that it keeps. */
  get kept(): ReadonlyMap<number, string> {
    return this.#kept;
  }

  /** The numbers of the commands that are done and whose results it does not keep. */
  get notKept(): number[] {
    const numbers: number[] = [];
    for (let seq = this.#done + 1, bits = this.#notKept; bits !== 0n; seq += 1, bits >>= 1n)
      if ((bits & 1n) === 1n) numbers.push(seq);
    return numbers;
  }

  /** The same session, for a later generation. */
  copy(generation: number): ClientSession {
    const copy = new ClientSession(this, generation, this.#kept);
    copy.#notKept = this.#notKept;
    copy.#keptBytes = this.#keptBytes;
    return copy;
  }

  earlier(seq: number): Earlier {
    if (seq <= this.#done) return 'forgotten';
    const kept = this.#kept.get(seq);
    if (kept !== undefined) return { kept };
    if (this.#notKept === 0n) return 'none';
    return ((this.#notKept >> BigInt(seq - this.#done - 1)) & 1n) === 1n ? 'not kept' : 'none';
  }

  /** The command is done, and has this result. */
  keep(seq: number, kept: string): void {
    this.#kept.set(seq, kept);
    this.#keptBytes += bytesOf(kept);
  }

  /** The command is done, and its result is not kept. */
  keepNot(seq: number): void {
    this.#notKept |= 1n << BigInt(seq - this.#done - 1);
  }

  /** The client has the results up to this number. */
  forgetTo(done: number): void {
    if (done <= this.#done) return;
    const before = this.#done;
    this.#done = done;
    if (this.#notKept !== 0n) this.#notKept >>= BigInt(done - before);
    if (done - before > this.#kept.size) for (const seq of this.#kept.keys()) this.#forget(seq);
    else for (let seq = before + 1; seq <= done; seq += 1) this.#forget(seq);
  }

  #forget(seq: number): void {
    const kept = seq > this.#done ? undefined : this.#kept.get(seq);
    if (kept === undefined) return;
    this.#kept.delete(seq);
    this.#keptBytes -= bytesOf(kept);
  }
}

/** Bytes that the result counts as. */
export function bytesOf(kept: string): number {
  return kept.length + RESULT_OVERHEAD_BYTES;
}
