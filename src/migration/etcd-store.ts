/** What a migration asks of etcd: pages of a store's keys as of one revision, and changes of them that go with a mark. */

import { type Environment, sleep } from '../environment.js';
import {
  EtcdLongAnswerError,
  EtcdNoAnswerError,
  EtcdRefusalError,
  EtcdUnreachableError,
} from '../etcd/etcd-errors.js';
import type { EtcdTransport } from '../etcd/etcd-transport.js';
import { revisionOf } from '../etcd/revisions.js';
import {
  type KeyValue,
  KV,
  noneIn,
  put,
  type RangeResponse,
  type RangeStart,
  range,
  remove,
  unchanged,
} from '../etcd/rpc/messages.js';
import { decodeValue, encodeValue } from '../etcd/value-codec.js';
import { MAX_TXN_KEYS, READ_TIMEOUT_MS, RETRY_PAUSE_MS } from '../etcd-limits.js';
import { COUNT_TIMEOUT_MS, MAX_ETCD_SILENCE_MS, MAX_PAGE_KEYS } from '../migration-limits.js';
import { QUORUM_WAIT_MS } from '../time-limits.js';
import { batchesOf } from './image-source.js';
import { CompactedError, MigrationError } from './migration-errors.js';
import type { MigratedRecord } from './record.js';

export interface EtcdStoreOptions {
  readonly transport: EtcdTransport;
  /** Of all that the program has in etcd; one character per byte. */
  readonly prefix: string;
  readonly environment: Environment;
}

/** A page of keys, in the order of their bytes. */
export interface Page {
  readonly records: readonly MigratedRecord[];
  readonly isLast: boolean;
}

/** What a migration has written about itself, and etcd's revision of that. */
export interface EtcdMark {
  readonly text: string;
  readonly modRevision: bigint;
}

/** A key with the lease that is to remove it. */
export interface LeasedRecord {
  readonly record: MigratedRecord;
  readonly lease: bigint | undefined;
}

/** Either records that come or change and keys that go, each named once; or all keys go. */
export type StoreChange =
  | { readonly type: 'some'; readonly put: readonly LeasedRecord[]; readonly removed: readonly string[] }
  | { readonly type: 'all-go' };

export const NO_CHANGE: StoreChange = { type: 'some', put: [], removed: [] };

interface Commit {
  readonly change: StoreChange;
  readonly mark: string;
  /** etcd's revision of the mark that is there; 0 for none. */
  readonly expected: bigint;
  /** Whether there may be no keys. */
  readonly isFirst?: boolean;
}

export class EtcdStore {
  readonly #transport: EtcdTransport;
  readonly #environment: Environment;
  readonly #prefix: string;
  readonly #all: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array };
  readonly #mark: Uint8Array;
  #pageKeys = MAX_PAGE_KEYS;

  constructor({ transport, prefix, environment }: EtcdStoreOptions) {
    this.#transport = transport;
    this.#environment = environment;
    this.#prefix = `${prefix}k/`;
    this.#all = { key: bytesOf(`${prefix}k/`), rangeEnd: bytesOf(`${prefix}k0`) };
    this.#mark = bytesOf(`${prefix}migration`);
  }

  /** The name of the cluster, etcd's revision now, and how many keys there are, or were at that revision. */
  async facts(revision = 0n): Promise<EtcdFacts> {
    const { header, count } = await this.#read({ ...this.#all, countOnly: true, revision }, COUNT_TIMEOUT_MS);
    return {
      clusterId: BigInt.asUintN(64, header?.clusterId ?? 0n).toString(16),
      revision: header?.revision ?? 0n,
      keys: Number(count),
    };
  }

  /** The first keys after this one, or of all, as of the revision. Rejects with CompactedError, or StoredValueError. */
  async page(after: string | undefined, revision: bigint): Promise<Page> {
    const { rangeEnd } = this.#all;
    const key = after === undefined ? this.#all.key : bytesOf(`${this.#prefix}${after}\0`);
    while (true) {
      try {
        const { kvs, more } = await this.#read({ key, rangeEnd, limit: BigInt(this.#pageKeys), revision });
        this.#pageKeys = Math.min(MAX_PAGE_KEYS, 2 * this.#pageKeys);
        return { records: kvs.map((pair) => this.#recordOf(pair)), isLast: !more };
      } catch (error) {
        if (!(error instanceof EtcdLongAnswerError) || this.#pageKeys === 1) throw error;
        this.#pageKeys = Math.ceil(this.#pageKeys / 4);
      }
    }
  }

  /**
   * Each of the keys with its record as it is now, or was at that revision; undefined for one that is absent. Rejects with
   * StoredValueError.
   */
  async *records(
    keys: readonly string[],
    revision = 0n,
  ): AsyncGenerator<readonly [key: string, record: MigratedRecord | undefined]> {
    let atOnce = MAX_TXN_KEYS;
    for (let start = 0; start < keys.length; ) {
      const some = keys.slice(start, start + atOnce);
      const success = some.map((key) => range({ key: bytesOf(this.#prefix + key), revision }));
      try {
        const { responses } = await patiently(this.#environment, () =>
          this.#transport.call(KV.txn, { success }, READ_TIMEOUT_MS),
        );
        for (const [place, key] of some.entries()) {
          const response = responses[place]?.response;
          const [pair] = response?.case === 'responseRange' ? response.value.kvs : [];
          yield [key, pair && this.#recordOf(pair)];
        }
        start += some.length;
      } catch (error) {
        if (!(error instanceof EtcdLongAnswerError) || some.length === 1) throw error;
        atOnce = Math.ceil(some.length / 4);
      }
    }
  }

  /** Undefined if no migration was here. */
  async readMark(): Promise<EtcdMark | undefined> {
    const [pair] = (await this.#read({ key: this.#mark })).kvs;
    return pair && { text: Buffer.from(pair.value).toString(), modRevision: pair.modRevision };
  }

  /**
   * Makes a change and writes the mark in one transaction, if the mark is as expected. Resolves to etcd's revision of the new
   * one; undefined, and nothing was changed, if it was not. Rejects as EtcdTransport does.
   */
  async commit({ change, mark, expected, isFirst = false }: Commit): Promise<bigint | undefined> {
    const { key, rangeEnd } = this.#all;
    const compare = [unchanged(this.#mark, expected), ...(isFirst ? [noneIn(key, rangeEnd)] : [])];
    const changes =
      change.type === 'all-go'
        ? [remove(this.#all)]
        : [
            ...change.put.map((one, ordinal) => this.#put(one, ordinal)),
            ...change.removed.map((name) => remove({ key: bytesOf(this.#prefix + name) })),
          ];
    const success = [put({ key: this.#mark, value: Buffer.from(mark) }), ...changes];
    const { succeeded, header } = await this.#transport.call(KV.txn, { compare, success }, QUORUM_WAIT_MS);
    return succeeded ? (header?.revision ?? 0n) : undefined;
  }

  close(): void {
    this.#transport.close();
  }

  #put({ record: { key, value, version, deadlineMs }, lease = 0n }: LeasedRecord, ordinal: number) {
    return put({
      key: bytesOf(this.#prefix + key),
      value: encodeValue({ ordinal, version, deadlineMs, value }),
      lease,
    });
  }

  #recordOf({ key, value, modRevision }: KeyValue): MigratedRecord {
    const { ordinal, ...stored } = decodeValue(value);
    const name = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
    const revision = revisionOf(Number(modRevision), ordinal);
    return { ...stored, key: name.slice(this.#prefix.length), revision };
  }

  /** A read, which is repeated while etcd does not answer, for some time. */
  async #read(request: RangeStart, timeoutMs = READ_TIMEOUT_MS): Promise<RangeResponse> {
    try {
      return await patiently(this.#environment, () => this.#transport.call(KV.range, request, timeoutMs));
    } catch (error) {
      if (error instanceof EtcdRefusalError && error.message.includes('compacted'))
        throw new CompactedError(`${request.revision ?? 'now'}`);
      throw error;
    }
  }
}

export interface EtcdFacts {
  readonly clusterId: string;
  readonly revision: bigint;
  readonly keys: number;
}

/** All keys of the store as of the revision, those after this one. */
export async function* pagesOf(
  store: EtcdStore,
  revision: bigint,
  environment: Environment,
  lastKey?: string,
): AsyncGenerator<readonly MigratedRecord[]> {
  for (let after = lastKey; ; ) {
    const { records, isLast } = await store.page(after, revision);
    yield* batchesOf(records, environment);
    after = records.at(-1)?.key;
    if (isLast || after === undefined) return;
  }
}

/** Repeats what does no harm twice while etcd does not answer. Rejects with MigrationError after some time. */
export async function patiently<T>(environment: Environment, ask: () => Promise<T>): Promise<T> {
  const giveUpAtMs = environment.nowMs() + MAX_ETCD_SILENCE_MS;
  while (true) {
    try {
      return await ask();
    } catch (error) {
      if (!isSilence(error)) throw error;
      if (environment.nowMs() > giveUpAtMs)
        throw new MigrationError(`${error.message}: run it again once etcd answers, it goes on from here`, {
          cause: error,
        });
      await sleep(environment, RETRY_PAUSE_MS);
    }
  }
}

/** Whether etcd has not answered, and may do so later. */
export function isSilence(error: unknown): error is EtcdUnreachableError | EtcdNoAnswerError {
  return error instanceof EtcdUnreachableError || error instanceof EtcdNoAnswerError;
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
