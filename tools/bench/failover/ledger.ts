/**
 * What the cluster has promised: for each key, the last write that it acknowledged.
 *
 * Each key has one writer, which writes the numbers 1, 2, 3, ... one after the other. A write whose outcome is
 * unknown may be found in the store later or never; one that was acknowledged must be found, unless a later one is.
 */

import type { TextReply } from '../../support/text-client.js';

interface Acknowledged {
  readonly version: number;
  readonly number: number;
}

export class Ledger {
  readonly #acknowledged = new Map<string, Acknowledged>();
  readonly #broken: string[] = [];
  #writes = 0;

  /** The keys with at least one acknowledged write. */
  get keys(): readonly string[] {
    return [...this.#acknowledged.keys()];
  }

  /** How many writes were acknowledged. */
  get writes(): number {
    return this.#writes;
  }

  /** Promises found broken so far, one line each. */
  get broken(): readonly string[] {
    return this.#broken;
  }

  /** The cluster says that it stored `number` as this version of the key. */
  acknowledge(key: string, version: number, number: number): void {
    const last = this.#acknowledged.get(key);
    if (last !== undefined && version <= last.version)
      this.#broken.push(`${key}: version ${version} acknowledged after version ${last.version}`);
    this.#acknowledged.set(key, { version, number });
    this.#writes += 1;
  }

  /** Compares what a `getm` of the key finds with what was promised. */
  check(key: string, found: TextReply): void {
    const last = this.#acknowledged.get(key);
    if (last === undefined) return;
    const promise = `${key}: ${last.number} was acknowledged as version ${last.version}`;
    if (found.type !== 'META') {
      this.#broken.push(`${promise}, a read finds ${found.type}`);
      return;
    }
    const number = Number(found.value);
    const isKept =
      found.version === last.version
        ? number === last.number
        : found.version > last.version && number > last.number;
    if (!isKept) this.#broken.push(`${promise}, a read finds ${number} as version ${found.version}`);
  }
}
