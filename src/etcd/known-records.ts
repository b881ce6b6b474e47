/**
 * What this server has last read or written of keys. Whatever is made of it is written only if it is still so, which etcd
 * compares: so keys that one server writes again and again need not be read each time. Where others write them, too, that
 * costs an attempt.
 */

import { MAX_KNOWN_KEYS, MAX_KNOWN_VALUE_BYTES, UNTRUSTED_MS } from '../etcd-limits.js';
import { type EtcdChange, type EtcdRecord, type EtcdRecords, recordAt } from './etcd-keys.js';

/** Keys that go when there are too many: a Map takes long to find its first key after others before it were removed. */
const FORGOTTEN_AT_ONCE = 1_024;

export class KnownRecords {
  readonly #nowMs: () => number;
  /** Those that came first are the first to go: to move each key that is used to the end would cost more than reading some. */
  readonly #records = new Map<string, EtcdRecord>();
  #trustedFromMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The records that are known of these keys; none for a while after others have changed some. */
  of(keys: readonly string[]): Map<string, EtcdRecord> {
    const known = new Map<string, EtcdRecord>();
    if (this.#nowMs() < this.#trustedFromMs) return known;
    for (const key of keys) {
      const record = this.#records.get(key);
      if (record !== undefined) known.set(key, record);
    }
    return known;
  }

  /** The keys were read, and are so. */
  read(records: EtcdRecords): void {
    for (const [key, record] of records) this.#note(key, record);
  }

  /** The changes were made. */
  written(changes: readonly EtcdChange[], modRevision: number): void {
    for (const { key, stored } of changes) {
      if (stored === undefined) this.#records.delete(key);
      else this.#note(key, recordAt(stored, modRevision));
    }
  }

  /** Others have changed some of these keys. */
  changed(keys: Iterable<string>): void {
    for (const key of keys) this.#records.delete(key);
    this.#trustedFromMs = this.#nowMs() + UNTRUSTED_MS;
  }

  #note(key: string, record: EtcdRecord | undefined): void {
    if (record === undefined || key.length + record.value.length > MAX_KNOWN_VALUE_BYTES) {
      this.#records.delete(key);
      return;
    }
    this.#records.set(key, record);
    if (this.#records.size <= MAX_KNOWN_KEYS) return;
    let left = FORGOTTEN_AT_ONCE;
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest);
      left -= 1;
      if (left === 0) return;
    }
  }
}
