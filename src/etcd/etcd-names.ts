/**
 * All that this program has in etcd, by names after its prefix: reads of several at one revision, and transactions that write
 * only if what they were made from is unchanged.
 *
 * `k/` begins the names of keys (etcd-keys.ts), `s/` and `r/` those of sessions and their results (session-records.ts), `c/`
 * those of cursors (scan-cursors.ts).
 */

import { MAX_READ_BYTES_OF_COMMAND, MAX_TXN_KEYS, READ_TIMEOUT_MS } from '../etcd-limits.js';
import { EtcdLongAnswerError } from './etcd-errors.js';
import type { EtcdTransport } from './etcd-transport.js';
import { Commit, type KeyValue, KV, range, type TxnResponse } from './rpc/messages.js';
import { TxnParts } from './rpc/txn-parts.js';

/** What etcd holds for a name. */
export interface NamedValue {
  readonly value: Uint8Array;
  /** etcd's revision of its last change. */
  readonly modRevision: number;
}

/** Values as they all were at one time; undefined for those that were absent. */
export type NamedValues = ReadonlyMap<string, NamedValue | undefined>;

/** What a transaction does with a name, or with all names from it on up to `end`. */
export type Operation =
  | { readonly type: 'put'; readonly name: string; readonly value: Uint8Array; readonly lease?: bigint }
  | { readonly type: 'remove'; readonly name: string; readonly end?: string };

/** All that a command wants to read is more than {@link MAX_READ_BYTES_OF_COMMAND}. */
export class TooMuchReadError extends Error {
  readonly code = 'ETCD_TOO_MUCH_READ';

  constructor() {
    super(`a command reads no more than ${MAX_READ_BYTES_OF_COMMAND} bytes from etcd`);
    this.name = 'TooMuchReadError';
  }
}

/** Of a RangeRequest: the order, and what it is of. */
const ASCENDING = 1;
const BY_MOD_REVISION = 3;

export class EtcdNames {
  readonly #transport: EtcdTransport;
  readonly #prefix: string;

  /** @param prefix of all that this program has in etcd; one character per byte */
  constructor(transport: EtcdTransport, prefix: string) {
    this.#transport = transport;
    this.#prefix = prefix;
  }

  /**
   * The values at one time after this call, or as of that revision of etcd. Rejects as EtcdTransport does, and with
   * TooMuchReadError.
   */
  async read(names: readonly string[], modRevision?: number): Promise<NamedValues> {
    const values = new Map<string, NamedValue | undefined>();
    let atOnce = MAX_TXN_KEYS;
    let leftBytes = MAX_READ_BYTES_OF_COMMAND;
    let revision = modRevision === undefined ? undefined : BigInt(modRevision);
    for (let start = 0; start < names.length; ) {
      const some = names.slice(start, start + atOnce);
      const answer = await this.#readAtOnce(some, revision);
      if (answer === undefined) {
        atOnce = Math.max(1, Math.floor(some.length / 2));
        continue;
      }
      // Those that follow are read as they were then.
      revision ??= answer.header?.revision;
      for (const [place, name] of some.entries()) {
        const value = valueIn(answer, place);
        leftBytes -= value?.value.length ?? 0;
        values.set(name, value);
      }
      if (leftBytes < 0) throw new TooMuchReadError();
      start += some.length;
    }
    return values;
  }

  /**
   * Does the operations, if the last change of each name in `modRevisions` is at that revision of etcd; 0 for one that is absent.
   * No two operations are about the same name. Resolves to etcd's revision of what was done; undefined, and nothing was done, if
   * a name has changed. Rejects as EtcdTransport does: after an EtcdNoAnswerError it may have been done.
   */
  async commit(
    modRevisions: Iterable<readonly [name: string, modRevision: number]>,
    operations: readonly Operation[],
    timeoutMs: number,
  ): Promise<number | undefined> {
    const compared = [...modRevisions];
    const parts = new TxnParts(compared.length + operations.length, this.#byteLengthOf(compared, operations));
    const compare = compared.map(([name, modRevision]) => parts.unchanged(this.#prefix + name, modRevision));
    const success = operations.map((operation) => this.#encodedOperation(parts, operation));
    const { succeeded, header } = await this.#transport.call(Commit.txn, { compare, success }, timeoutMs);
    return succeeded ? Number(header?.revision) : undefined;
  }

  /** How many names there are that begin like this; the last character is a slash. */
  async count(beginning: string): Promise<number> {
    const request = { ...this.#allWith(beginning), countOnly: true };
    return Number((await this.#transport.call(KV.range, request, READ_TIMEOUT_MS)).count);
  }

  /** So many of the values whose names begin like this that were changed longest ago. etcd looks at all of them. */
  async oldest(beginning: string, count: number): Promise<readonly NamedValue[]> {
    const request = {
      ...this.#allWith(beginning),
      limit: BigInt(count),
      sortOrder: ASCENDING,
      sortTarget: BY_MOD_REVISION,
    };
    return (await this.#transport.call(KV.range, request, READ_TIMEOUT_MS)).kvs.map(namedValue);
  }

  /** As etcd has it. */
  encoded(name: string): Uint8Array {
    return Buffer.from(this.#prefix + name, 'latin1');
  }

  /** What {@link encoded} has made of a name. */
  decoded(key: Uint8Array): string {
    return Buffer.from(key.buffer, key.byteOffset, key.byteLength)
      .toString('latin1')
      .slice(this.#prefix.length);
  }

  #encodedOperation(parts: TxnParts, operation: Operation): Uint8Array {
    const key = this.#prefix + operation.name;
    if (operation.type === 'put') return parts.put(key, operation.value, operation.lease ?? 0n);
    const { end } = operation;
    return parts.remove(key, end === undefined ? undefined : this.#prefix + end);
  }

  /** Of all names and values, at most. */
  #byteLengthOf(
    compared: readonly (readonly [name: string, modRevision: number])[],
    operations: readonly Operation[],
  ): number {
    let names = compared.length;
    let byteLength = 0;
    for (const [name] of compared) byteLength += name.length;
    for (const operation of operations) {
      const isPut = operation.type === 'put';
      names += 2;
      byteLength += operation.name.length + (isPut ? operation.value.length : (operation.end?.length ?? 0));
    }
    return byteLength + names * this.#prefix.length;
  }

  #allWith(beginning: string) {
    return { key: this.encoded(beginning), rangeEnd: this.encoded(endOf(beginning)) };
  }

  /** Undefined when the answer is too long, and there is more than one name. */
  async #readAtOnce(names: readonly string[], revision = 0n): Promise<TxnResponse | undefined> {
    const success = names.map((name) => range({ key: this.encoded(name), revision }));
    try {
      return await this.#transport.call(KV.txn, { success }, READ_TIMEOUT_MS);
    } catch (error) {
      if (error instanceof EtcdLongAnswerError && names.length > 1) return undefined;
      throw error;
    }
  }
}

/** The first name after all those that begin like this. The last character is a slash, and the next one a zero. */
export function endOf(beginning: string): string {
  return `${beginning.slice(0, -1)}0`;
}

function valueIn({ responses }: TxnResponse, place: number): NamedValue | undefined {
  const response = responses[place]?.response;
  const [pair] = response?.case === 'responseRange' ? response.value.kvs : [];
  return pair === undefined ? undefined : namedValue(pair);
}

function namedValue({ value, modRevision }: KeyValue): NamedValue {
  return { value, modRevision: Number(modRevision) };
}
