/** The keys of a store as they are in etcd: see docs/engines.md. */

import { READ_TIMEOUT_MS } from '../etcd-limits.js';
import { ChangeEvent } from '../state-machine/change-events.js';
import { encodeNote, type Removal } from './change-notes.js';
import { EtcdNames, endOf, type NamedValue, type NamedValues, type Operation } from './etcd-names.js';
import type { EtcdTransport } from './etcd-transport.js';
import { revisionOf } from './revisions.js';
import { KV, put, remove } from './rpc/messages.js';
import { decodeValue, encodeValue, type StoredValue } from './value-codec.js';

const LAST_BYTE = 0xff;

/** What the names of all keys begin with. */
const KEYS = 'k/';

/**
 * The names beside them that change when all are removed, when a command removes some (change-notes.ts), and when somebody wants
 * to know that all changes before were told. All of these, and keys, are between `f` and the end of the keys: so a watch tells
 * them.
 */
export const FLUSHED = 'flushed';
export const NOTE = 'gone';
export const HERE = 'here';
export const FIRST_WATCHED = 'f';
export const WATCHED_END = endOf(KEYS);

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
  /** Of a key that is removed: how. It has expired unless given. */
  readonly removal?: Removal;
  /** The lease that is to remove it once its deadline is long over. */
  readonly lease?: bigint | undefined;
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

/** Some keys in the order of their bytes, with their records. */
export interface RecordsPage {
  readonly records: readonly (readonly [key: string, record: EtcdRecord])[];
  readonly hasMore: boolean;
}

export class EtcdKeys {
  readonly names: EtcdNames;
  readonly #transport: EtcdTransport;

  /** @param prefix of all that this program has in etcd; one character per byte */
  constructor(transport: EtcdTransport, prefix: string) {
    this.#transport = transport;
    this.names = new EtcdNames(transport, prefix);
  }

  /**
   * The records of the keys at one time after this call, or as of that revision of etcd. Rejects as EtcdNames.read does, and with
   * StoredValueError.
   */
  async read(keys: readonly string[], modRevision?: number): Promise<EtcdRecords> {
    return recordsOf(keys, await this.names.read(keys.map(keyName), modRevision));
  }

  /** Makes the changes, if all keys of `records` are as they are there: see EtcdNames.commit. Each key is changed once. */
  write(
    records: EtcdRecords,
    changes: readonly EtcdChange[],
    timeoutMs: number,
  ): Promise<number | undefined> {
    return this.names.commit(unchangedRecords(records), operationsOf(changes), timeoutMs);
  }

  /** Keys in the order of their bytes, without their records. */
  async page({ from, maxKeys, modRevision }: PageStart): Promise<KeysPage> {
    const request = {
      ...this.#all(from),
      limit: BigInt(maxKeys),
      revision: BigInt(modRevision ?? 0),
      keysOnly: true,
    };
    const { kvs, more, header } = await this.#transport.call(KV.range, request, READ_TIMEOUT_MS);
    const keys: string[] = [];
    const leased: string[] = [];
    for (const { key: encoded, lease } of kvs) {
      const key = this.names.decoded(encoded).slice(KEYS.length);
      keys.push(key);
      if (lease !== 0n) leased.push(key);
    }
    return { keys, leased, hasMore: more, modRevision: modRevision ?? Number(header?.revision) };
  }

  /** Keys with the prefix, in the order of their bytes, with their records. Rejects with StoredValueError, too. */
  async recordsPage({
    prefix,
    from,
    maxKeys,
    modRevision = 0,
  }: PageStart & { readonly prefix: string }): Promise<RecordsPage> {
    const request = {
      key: this.names.encoded(keyName(from)),
      rangeEnd: this.names.encoded(afterAll(keyName(prefix))),
      limit: BigInt(maxKeys),
      revision: BigInt(modRevision),
    };
    const { kvs, more } = await this.#transport.call(KV.range, request, READ_TIMEOUT_MS);
    const records = kvs.map(({ key, value, modRevision: changed }) => {
      const record = recordOf({ value, modRevision: Number(changed) });
      return [this.names.decoded(key).slice(KEYS.length), record] as const;
    });
    return { records, hasMore: more };
  }

  /** How many keys there are. Those count that are past their deadlines and that nobody has found yet. */
  count(): Promise<number> {
    return this.names.count(KEYS);
  }

  /** Removes all keys, by one transaction, which also changes a key beside them: so that those who watch are told once. */
  async clear(timeoutMs: number): Promise<void> {
    const success = [put({ key: this.names.encoded(FLUSHED) }), remove(this.#all(''))];
    await this.#transport.call(KV.txn, { success }, timeoutMs);
  }

  /** The keys from this one on. */
  #all(from: string) {
    return { key: this.names.encoded(keyName(from)), rangeEnd: this.names.encoded(endOf(KEYS)) };
  }
}

/** The name of the key's record. */
export function keyName(key: string): string {
  return KEYS + key;
}

/** The key whose record has that name; undefined if the name is another thing's. */
export function keyOfName(name: string): string | undefined {
  return name.startsWith(KEYS) ? name.slice(KEYS.length) : undefined;
}

/** The first name after all that begin like this: which has a byte that is not the last one. */
function afterAll(beginning: string): string {
  let end = beginning.length - 1;
  while (beginning.charCodeAt(end) === LAST_BYTE) end -= 1;
  return beginning.slice(0, end) + String.fromCharCode(beginning.charCodeAt(end) + 1);
}

/** The records of the keys among these values. Throws StoredValueError. */
export function recordsOf(keys: readonly string[], values: NamedValues): EtcdRecords {
  return new Map(
    keys.map((key) => {
      const found = values.get(keyName(key));
      return [key, found === undefined ? undefined : recordOf(found)];
    }),
  );
}

/** etcd's revisions of the last changes of the records, by their names; 0 for those that are absent. */
export function unchangedRecords(records: EtcdRecords): (readonly [name: string, modRevision: number])[] {
  return Array.from(records, ([key, record]) => [keyName(key), record?.modRevision ?? 0]);
}

/** All that makes the changes, with a note of what was removed if there is one. */
export function operationsOf(changes: readonly EtcdChange[]): readonly Operation[] {
  const removals = changes.flatMap(({ stored, removal = EXPIRED }) =>
    stored === undefined ? [removal] : [],
  );
  const note = encodeNote(removals);
  const operations = changes.map(operationOf);
  return note === undefined ? operations : [{ type: 'put', name: NOTE, value: note }, ...operations];
}

const EXPIRED: Removal = { kind: 'expired', event: ChangeEvent.plain };

function operationOf({ key, stored, lease }: EtcdChange): Operation {
  const name = keyName(key);
  if (stored === undefined) return { type: 'remove', name };
  const value = encodeValue(stored);
  return lease === undefined ? { type: 'put', name, value } : { type: 'put', name, value, lease };
}

function recordOf({ value, modRevision }: NamedValue): EtcdRecord {
  return recordAt(decodeValue(value), modRevision);
}

/** What etcd holds for a key whose last change was that, at that revision of etcd. */
export function recordAt(
  { ordinal, event = ChangeEvent.plain, version, deadlineMs, value }: StoredValue,
  modRevision: number,
): EtcdRecord {
  // Each field by its name: a copy by spreading takes several times the memory.
  const revision = revisionOf(modRevision, ordinal);
  return { ordinal, event, version, deadlineMs, value, modRevision, revision };
}
