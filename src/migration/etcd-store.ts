/** What a migration asks of etcd: pages of a store's keys as of one revision, and changes of them that go with a mark. */

import { type Environment, sleep } from '../environment.js';
import {
  EtcdLongAnswerError,
  EtcdNoAnswerError,
  EtcdRefusalError,
  EtcdUnreachableError,
} from '../etcd/etcd-errors.js';
import { revisionOf } from '../etcd/etcd-keys.js';
import type { EtcdTransport } from '../etcd/etcd-transport.js';
import { decodeValue, encodeValue } from '../etcd/value-codec.js';
import { MAX_ANSWER_BYTES, READ_TIMEOUT_MS, RETRY_PAUSE_MS } from '../etcd-limits.js';
import { MAX_ETCD_SILENCE_MS, MAX_PAGE_BYTES, MAX_PAGE_KEYS } from '../migration-limits.js';
import { QUORUM_WAIT_MS } from '../time-limits.js';
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
  readonly modRevision: string;
}

/** A key with the lease that is to remove it. */
export interface LeasedRecord {
  readonly record: MigratedRecord;
  readonly lease: string | undefined;
}

/** Either records that come or change and keys that go, each named once; or all keys go. */
export type StoreChange =
  | { readonly type: 'some'; readonly put: readonly LeasedRecord[]; readonly removed: readonly string[] }
  | { readonly type: 'all-go' };

export const NO_CHANGE: StoreChange = { type: 'some', put: [], removed: [] };

interface Commit {
  readonly change: StoreChange;
  readonly mark: string;
  /** etcd's revision of the mark that is there; '0' for none. */
  readonly expected: string;
  /** Whether there may be no keys. */
  readonly isFirst?: boolean;
}

export class EtcdStore {
  readonly #transport: EtcdTransport;
  readonly #environment: Environment;
  readonly #prefix: string;
  readonly #end: string;
  readonly #mark: string;
  #pageKeys = MAX_PAGE_KEYS;

  constructor({ transport, prefix, environment }: EtcdStoreOptions) {
    this.#transport = transport;
    this.#environment = environment;
    this.#prefix = `${prefix}k/`;
    this.#end = `${prefix}k0`;
    this.#mark = `${prefix}migration`;
  }

  /** etcd's revision now, the name of the cluster, and how many keys there are. */
  async facts(revision?: string): Promise<{ clusterId: string; revision: string; keys: number }> {
    const body = { key: base64(this.#prefix), range_end: base64(this.#end), count_only: true };
    const answer = await this.#read(revision === undefined ? body : { ...body, revision });
    const { header } = answer;
    return {
      clusterId: BigInt(header?.cluster_id ?? '0').toString(16),
      revision: header?.revision ?? '0',
      keys: Number(answer.count ?? 0),
    };
  }

  /** The first keys after this one, or of all, as of the revision. Rejects with CompactedError, or StoredValueError. */
  async page(after: string | undefined, revision: string): Promise<Page> {
    const key = after === undefined ? this.#prefix : `${this.#prefix}${after}\0`;
    while (true) {
      try {
        const limit = `${this.#pageKeys}`;
        const body = { key: base64(key), range_end: base64(this.#end), limit, revision };
        const { kvs = [], more = false } = await this.#read(body, MAX_PAGE_BYTES);
        this.#pageKeys = Math.min(MAX_PAGE_KEYS, 2 * this.#pageKeys);
        return { records: kvs.map((pair) => this.#recordOf(pair)), isLast: !more };
      } catch (error) {
        if (!(error instanceof EtcdLongAnswerError) || this.#pageKeys === 1) throw error;
        this.#pageKeys = Math.ceil(this.#pageKeys / 4);
      }
    }
  }

  /** Undefined if no migration was here. */
  async readMark(): Promise<EtcdMark | undefined> {
    const [pair] = (await this.#read({ key: base64(this.#mark) })).kvs ?? [];
    if (pair === undefined) return undefined;
    return {
      text: Buffer.from(pair.value ?? '', 'base64').toString(),
      modRevision: pair.mod_revision ?? '0',
    };
  }

  /**
   * Makes a change and writes the mark in one transaction, if the mark is as expected. Resolves to etcd's revision of the new
   * one; undefined, and nothing was changed, if it was not. Rejects as EtcdTransport does.
   */
  async commit({ change, mark, expected, isFirst = false }: Commit): Promise<string | undefined> {
    const all = { key: base64(this.#prefix), range_end: base64(this.#end) };
    const body = {
      compare: [
        { key: base64(this.#mark), target: 'MOD', result: 'EQUAL', mod_revision: expected },
        // A key that is there was created at some revision.
        ...(isFirst ? [{ ...all, target: 'CREATE', result: 'EQUAL', create_revision: '0' }] : []),
      ],
      success: [
        { request_put: { key: base64(this.#mark), value: Buffer.from(mark).toString('base64') } },
        ...(change.type === 'all-go'
          ? [{ request_delete_range: all }]
          : [
              ...change.put.map((one, ordinal) => ({ request_put: this.#put(one, ordinal) })),
              ...change.removed.map((key) => ({ request_delete_range: { key: base64(this.#prefix + key) } })),
            ]),
      ],
    };
    const answer = await this.#call('/v3/kv/txn', body, { timeoutMs: QUORUM_WAIT_MS });
    return answer.succeeded === true ? (answer.header?.revision ?? '0') : undefined;
  }

  close(): void {
    this.#transport.close();
  }

  #put({ record: { key, value, version, deadlineMs }, lease }: LeasedRecord, ordinal: number): object {
    const encoded = Buffer.from(encodeValue({ ordinal, version, deadlineMs, value })).toString('base64');
    const put = { key: base64(this.#prefix + key), value: encoded };
    return lease === undefined ? put : { ...put, lease };
  }

  #recordOf({ key = '', value = '', mod_revision }: Pair): MigratedRecord {
    const { ordinal, ...stored } = decodeValue(Buffer.from(value, 'base64'));
    const name = Buffer.from(key, 'base64').toString('latin1').slice(this.#prefix.length);
    return { ...stored, key: name, revision: revisionOf(Number(mod_revision), ordinal) };
  }

  /** A read, which is repeated while etcd does not answer, for some time. */
  async #read(body: RangeBody, maxBytes = MAX_ANSWER_BYTES): Promise<Answer> {
    const read = () => this.#call('/v3/kv/range', body, { timeoutMs: READ_TIMEOUT_MS, maxBytes });
    try {
      return await patiently(this.#environment, read);
    } catch (error) {
      if (error instanceof EtcdRefusalError && error.message.includes('compacted'))
        throw new CompactedError(body.revision ?? 'now');
      throw error;
    }
  }

  async #call(
    path: string,
    body: object,
    { timeoutMs, maxBytes = MAX_ANSWER_BYTES }: { readonly timeoutMs: number; readonly maxBytes?: number },
  ): Promise<Answer> {
    const answer = await this.#transport.call({ path, body, timeoutMs, maxBytes });
    return typeof answer === 'object' && answer !== null ? answer : {};
  }
}

/** What of etcd's answers is used. Numbers of 64 bits come as strings, and what is zero or empty is left out. */
interface Answer {
  readonly header?: { readonly revision?: string; readonly cluster_id?: string };
  readonly succeeded?: boolean;
  readonly count?: string;
  readonly kvs?: readonly Pair[];
  readonly more?: boolean;
}

interface RangeBody {
  readonly key: string;
  readonly range_end?: string;
  readonly limit?: string;
  readonly revision?: string;
  readonly count_only?: boolean;
}

interface Pair {
  readonly key?: string;
  readonly value?: string;
  readonly mod_revision?: string;
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

function base64(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('base64');
}
