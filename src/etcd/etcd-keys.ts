/**
 * The keys of a store as they are in etcd, each under a prefix: reads of several at one revision, and transactions that write
 * only if all that they were made from is unchanged. See docs/engines.md.
 */

import {
  MAX_READ_BYTES_OF_COMMAND,
  MAX_TXN_KEYS,
  READ_TIMEOUT_MS,
  REVISIONS_PER_TXN,
} from '../etcd-limits.js';
import { EtcdLongAnswerError } from './etcd-errors.js';
import type { EtcdTransport } from './etcd-transport.js';
import { type KeyValue, KV, put, range, remove, type TxnResponse, unchanged } from './rpc/messages.js';
import { decodeValue, encodeValue, type StoredValue } from './value-codec.js';

/** What etcd holds for a key. */
export interface EtcdRecord extends StoredValue {
  /** etcd's revision of the key's last change. */
  readonly modRevision: number;
  /** As clients are told it. */
  readonly revision: number;
}

/** Keys as they all were at one time; undefined for those that were absent. */
export type EtcdRecords = ReadonlyMap<string, EtcdRecord | undefined>;

/** A change of a key: its new record, or undefined if it is removed. */
export interface EtcdChange {
  readonly key: string;
  readonly stored: StoredValue | undefined;
  /** The lease that is to remove it once its deadline is long over. */
  readonly lease?: bigint | undefined;
}

/** All that a command wants to read is more than {@link MAX_READ_BYTES_OF_COMMAND}. */
export class TooMuchReadError extends Error {
  readonly code = 'ETCD_TOO_MUCH_READ';

  constructor() {
    super(`a command reads no more than ${MAX_READ_BYTES_OF_COMMAND} bytes from etcd`);
    this.name = 'TooMuchReadError';
  }
}

/** Some keys in the order of their bytes. */
export interface KeysPage {
  readonly keys: readonly string[];
  /** Those of them that have a lease: they may be past their deadlines. */
  readonly leased: readonly string[];
  /** Whether more keys follow. */
  readonly hasMore: boolean;
  /** etcd's revision as of which it is. */
  readonly modRevision: number;
}

/** Where a page begins, how many keys it has at most, and etcd's revision as of which: the newest unless given. */
export interface PageStart {
  /** This key or the next one after it. */
  readonly from: string;
  readonly maxKeys: number;
  readonly modRevision?: number | undefined;
}

export class EtcdKeys {
  readonly #transport: EtcdTransport;
  readonly #prefix: string;
  /** The first key after all those with the prefix. */
  readonly #end: Uint8Array;
  /** A key beside them, which changes when all are removed. */
  readonly #marker: Uint8Array;

  /** @param prefix of all that this program has in etcd; one character per byte */
  constructor(transport: EtcdTransport, prefix: string) {
    this.#transport = transport;
    this.#prefix = `${prefix}k/`;
    // The last character of the prefix of keys is a slash, and the next one a zero.
    this.#end = bytesOf(`${prefix}k0`);
    this.#marker = bytesOf(`${prefix}flushed`);
  }

  /**
   * The records of the keys at one time after this call, or as of that revision of etcd. Rejects as EtcdTransport does, and with
   * TooMuchReadError.
   */
  async read(keys: readonly string[], modRevision?: number): Promise<EtcdRecords> {
    const records = new Map<string, EtcdRecord | undefined>();
    let atOnce = MAX_TXN_KEYS;
    let leftBytes = MAX_READ_BYTES_OF_COMMAND;
    let revision = modRevision === undefined ? undefined : BigInt(modRevision);
    for (let start = 0; start < keys.length; ) {
      const some = keys.slice(start, start + atOnce);
      const answer = await this.#readAtOnce(some, revision);
      if (answer === undefined) {
        atOnce = Math.max(1, Math.floor(some.length / 2));
        continue;
      }
      // Those that follow are read as they were then.
      revision ??= answer.header?.revision;
      for (const [key, record] of recordsIn(answer, some)) {
        leftBytes -= record?.value.length ?? 0;
        records.set(key, record);
      }
      if (leftBytes < 0) throw new TooMuchReadError();
      start += some.length;
    }
    return records;
  }

  /**
   * Makes the changes, if all keys of `records` are as they are there. Each key is changed once. Resolves to etcd's
   * revision of the changes; undefined, and nothing was written, if a key is not as it was. Rejects as EtcdTransport
   * does: after an EtcdNoAnswerError the changes may have been made.
   */
  async write(
    records: EtcdRecords,
    changes: readonly EtcdChange[],
    timeoutMs: number,
  ): Promise<number | undefined> {
    const compare = [...records].map(([key, record]) =>
      unchanged(this.#encoded(key), BigInt(record?.modRevision ?? 0)),
    );
    const success = changes.map(({ key, stored, lease = 0n }) =>
      stored === undefined
        ? remove({ key: this.#encoded(key) })
        : put({ key: this.#encoded(key), value: encodeValue(stored), lease }),
    );
    const { succeeded, header } = await this.#transport.call(KV.txn, { compare, success }, timeoutMs);
    return succeeded ? Number(header?.revision) : undefined;
  }

  /** Keys in the order of their bytes, without their records. */
  async page({ from, maxKeys, modRevision }: PageStart): Promise<KeysPage> {
    const { kvs, more, header } = await this.#transport.call(
      KV.range,
      {
        key: this.#encoded(from),
        rangeEnd: this.#end,
        limit: BigInt(maxKeys),
        revision: BigInt(modRevision ?? 0),
        keysOnly: true,
      },
      READ_TIMEOUT_MS,
    );
    const keys: string[] = [];
    const leased: string[] = [];
    for (const { key, lease } of kvs) {
      const name = textOf(key).slice(this.#prefix.length);
      keys.push(name);
      if (lease !== 0n) leased.push(name);
    }
    return { keys, leased, hasMore: more, modRevision: modRevision ?? Number(header?.revision) };
  }

  /** How many keys there are. Those count that are past their deadlines and that nobody has found yet. */
  async count(): Promise<number> {
    const { count } = await this.#transport.call(
      KV.range,
      { ...this.#all(), countOnly: true },
      READ_TIMEOUT_MS,
    );
    return Number(count);
  }

  /** Removes all keys, by one transaction, which also changes a key beside them: so that those who watch are told once. */
  async clear(timeoutMs: number): Promise<void> {
    await this.#transport.call(
      KV.txn,
      { success: [remove(this.#all()), put({ key: this.#marker })] },
      timeoutMs,
    );
  }

  /** Undefined when the answer is too long, and there is more than one key. */
  async #readAtOnce(keys: readonly string[], revision = 0n): Promise<TxnResponse | undefined> {
    const success = keys.map((key) => range({ key: this.#encoded(key), revision }));
    try {
      return await this.#transport.call(KV.txn, { success }, READ_TIMEOUT_MS);
    } catch (error) {
      if (error instanceof EtcdLongAnswerError && keys.length > 1) return undefined;
      throw error;
    }
  }

  #all() {
    return { key: this.#encoded(''), rangeEnd: this.#end };
  }

  #encoded(key: string): Uint8Array {
    return bytesOf(this.#prefix + key);
  }
}

/** The records in an answer that has a range for each of the keys. */
function recordsIn({ responses }: TxnResponse, keys: readonly string[]): EtcdRecords {
  return new Map(
    keys.map((key, place) => {
      const response = responses[place]?.response;
      const [pair] = response?.case === 'responseRange' ? response.value.kvs : [];
      return [key, pair === undefined ? undefined : recordOf(pair)];
    }),
  );
}

function recordOf({ value, modRevision: number }: KeyValue): EtcdRecord {
  const modRevision = Number(number);
  const stored = decodeValue(value);
  return { ...stored, modRevision, revision: revisionOf(modRevision, stored.ordinal) };
}

/** A change's revision as clients are told it. */
export function revisionOf(modRevision: number, ordinal: number): number {
  return modRevision * REVISIONS_PER_TXN + ordinal;
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
