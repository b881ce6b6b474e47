/**
 * Requests, encoded once and for all before the clock starts.
 *
 * Every key occurs once in a cycle, in random order. The requests lie one after the other in one buffer, so that a
 * burst of any length is a view of it, and sending costs no copy.
 */

import { DIALECTS, type Dialect, type Protocol } from './dialect.js';
import type { SentRequests } from './reply-scanner.js';
import type { Keyspace, Operation, Workload } from './workload.js';

/** Of a `mixed` sequence, every so-many-th request is a set. */
const MIXED_SET_EVERY = 10;

/** More than a few would take much memory. */
const SEQUENCES_KEPT = 2;

export class RequestSequence implements SentRequests {
  readonly dialect: Dialect;
  readonly #keys: number;
  readonly #valueBytes: number;
  readonly #requests: Buffer;
  /** Where each request starts in the buffer; one more, for the end of the last. */
  readonly #starts: readonly number[];
  readonly #isGet: readonly boolean[];
  /** Key number at each position. */
  readonly #order: readonly number[];
  /** The value of each key, by key number. */
  readonly #values: Buffer;
  #next = 0;

  /** @param longestBurst the largest `count` that {@link take} is called with */
  constructor(
    operation: Operation,
    { keys, valueBytes }: Keyspace,
    longestBurst: number,
    protocol: Protocol = 'text',
  ) {
    this.dialect = DIALECTS[protocol];
    this.#keys = keys;
    this.#valueBytes = valueBytes;
    this.#values = Buffer.concat(Array.from({ length: keys }, (_, key) => distinctValue(key, valueBytes)));
    const order = shuffled(keys);
    // A burst that starts at the cycle's last position runs on into the next cycle.
    this.#order = Array.from({ length: keys + longestBurst }, (_, position) => order[position % keys] ?? 0);
    this.#isGet = this.#order.map((_, position) => isGet(operation, position % keys));
    const encoded = this.#order.map((key, position) => this.#encode(key, this.expectsValue(position)));
    this.#requests = Buffer.concat(encoded);
    this.#starts = startsOf(encoded);
  }

  /** The position of the next `count` requests, which are taken up by this. */
  take(count: number): number {
    const position = this.#next;
    this.#next = (position + count) % this.#keys;
    return position;
  }

  /** `count` encoded requests from `position` on: a view. */
  bytes(position: number, count: number): Buffer {
    return this.#requests.subarray(this.#starts[position], this.#starts[position + count]);
  }

  expectsValue(position: number): boolean {
    return this.#isGet[position] ?? false;
  }

  get valueBytes(): number {
    return this.#valueBytes;
  }

  matchesValue(position: number, offset: number, bytes: Buffer, start: number, end: number): boolean {
    const from = (this.#order[position] ?? 0) * this.#valueBytes + offset;
    return bytes.compare(this.#values, from, from + end - start, start, end) === 0;
  }

  #encode(key: number, isGet: boolean): Buffer {
    if (isGet) return this.dialect.get(keyName(key));
    const from = key * this.#valueBytes;
    return this.dialect.set(keyName(key), this.#values.subarray(from, from + this.#valueBytes));
  }
}

/** Keeps what was encoded for the next rounds, which mostly want the same. */
export class RequestSequences {
  readonly #made: { readonly of: string; readonly sequence: RequestSequence }[] = [];

  /** Goes on where it was left, if it was made before. See {@link RequestSequence}. */
  get({ operation, keyspace, depth, protocol }: Workload): RequestSequence {
    const of = JSON.stringify([operation, keyspace.keys, keyspace.valueBytes, depth, protocol]);
    const known = this.#made.find((made) => made.of === of);
    if (known !== undefined) return known.sequence;
    if (this.#made.length === SEQUENCES_KEPT) this.#made.shift();
    const sequence = new RequestSequence(operation, keyspace, depth, protocol);
    this.#made.push({ of, sequence });
    return sequence;
  }
}

function isGet(operation: Operation, position: number): boolean {
  switch (operation) {
    case 'set':
      return false;
    case 'get':
      return true;
    case 'mixed':
      return position % MIXED_SET_EVERY !== 0;
  }
}

function keyName(key: number): string {
  return `bench:${String(key).padStart(8, '0')}`;
}

/** A value that only this key has, so that a reply with another key's value is noticed. */
function distinctValue(key: number, valueBytes: number): Buffer {
  return Buffer.alloc(valueBytes, `${key}|`);
}

/** Where each part begins when they lie one after the other, and where the last one ends. */
function startsOf(parts: readonly Buffer[]): number[] {
  const starts = [0];
  let end = 0;
  for (const { byteLength } of parts) {
    end += byteLength;
    starts.push(end);
  }
  return starts;
}

/** The numbers below `count` in random order. */
function shuffled(count: number): number[] {
  return Array.from({ length: count }, (_, number) => ({ number, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ number }) => number);
}
