/**
 * Whether each write was done at most once. Values are never written twice by a client, so one that is in two entries of the
 * log, both committed, was done twice: sent again by somebody who did not know that it was done.
 */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import type { Entry, LogIndex } from '../../../src/raft/types.js';

/** As newValue makes them, see client/command.ts. */
const VALUE = /[a-z]+:\d+\.\d+;/g;

export class DoneOnce {
  /** Entries up to here were looked at. */
  #lastIndex: LogIndex = 0;
  readonly #seenAt = new Map<string, LogIndex>();

  /** A server has applied the entry. Throws PropertyViolation. */
  applied({ index, payload }: Entry): void {
    if (index <= this.#lastIndex) return;
    this.#lastIndex = index;
    const { buffer, byteOffset, byteLength } = payload;
    const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
    for (const [value] of text.matchAll(VALUE)) {
      const before = this.#seenAt.get(value);
      if (before !== undefined)
        throw new PropertyViolation('done once', `${value} is in the entries ${before} and ${index}`);
      this.#seenAt.set(value, index);
    }
  }
}
