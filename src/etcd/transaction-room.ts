/** Which commands can share a transaction of etcd: they are put in one after another, until one does not fit. */

import { MAX_SHARED_BYTES, MAX_SHARED_COMMANDS, MAX_TXN_KEYS } from '../etcd-limits.js';
import type { KeysReach } from './reach.js';

export class TransactionRoom {
  readonly #keys = new Set<string>();
  readonly #written = new Set<string>();
  /** The last changes of these keys must be those that were told of. */
  readonly #told = new Set<string>();
  #byteLength = 0;
  #sessionKeys = 0;
  #count = 0;

  /** Puts the command in, and returns true, if it can share the transaction with those before it: the first one always can. */
  add(reach: KeysReach): boolean {
    if (this.#count > 0 && !this.#fits(reach)) return false;
    for (const key of reach.keys) {
      this.#keys.add(key);
      if (reach.isWrite) this.#written.add(key);
      if (reach.isWrite && reach.tellsRevision) this.#told.add(key);
    }
    this.#byteLength += reach.byteLength;
    this.#sessionKeys += reach.sessionKeys;
    this.#count += 1;
    return true;
  }

  #fits({ keys, isWrite, tellsRevision, byteLength, sessionKeys }: KeysReach): boolean {
    if (this.#count === MAX_SHARED_COMMANDS || this.#byteLength + byteLength > MAX_SHARED_BYTES) return false;
    let size = this.#keys.size + this.#sessionKeys + sessionKeys;
    for (const key of keys) {
      if (!this.#keys.has(key)) size += 1;
      if (tellsRevision && this.#written.has(key)) return false;
      if (isWrite && this.#told.has(key)) return false;
    }
    return size <= MAX_TXN_KEYS;
  }
}
