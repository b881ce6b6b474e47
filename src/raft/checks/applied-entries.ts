/**
 * A check of what state machines are given: each applies the next entry, and at an index all of them apply the same one
 * (figure 3, "state machine safety").
 */

import type { Entry, LogIndex, ServerId, Term } from '../types.js';
import { hashOf } from './content-hash.js';
import { PropertyViolation } from './property-violation.js';

interface AppliedEntry {
  readonly term: Term;
  readonly contentHash: number;
}

export class AppliedEntries {
  /** The applied entries by index, as first seen. */
  readonly #applied = new Map<LogIndex, AppliedEntry>();
  /** Up to where each server that runs has applied. */
  readonly #appliedIndex = new Map<ServerId, LogIndex>();

  crashed(id: ServerId): void {
    this.#appliedIndex.delete(id);
  }

  /** A server's state machine was replaced by a snapshot up to `index`, which must not take it back. */
  restored(id: ServerId, index: LogIndex): void {
    const before = this.#appliedIndex.get(id) ?? 0;
    if (index < before)
      throw new PropertyViolation('monotonic applied', `server ${id} restores ${index} after ${before}`);
    this.#appliedIndex.set(id, index);
  }

  /** A server has applied an entry. */
  applied(id: ServerId, entry: Entry): void {
    const { index, term } = entry;
    const before = this.#appliedIndex.get(id) ?? 0;
    if (index !== before + 1)
      throw new PropertyViolation('monotonic applied', `server ${id} applies ${index} after ${before}`);
    this.#appliedIndex.set(id, index);
    const contentHash = hashOf(entry);
    const first = this.#applied.get(index);
    if (first === undefined) this.#applied.set(index, { term, contentHash });
    else if (first.term !== term || first.contentHash !== contentHash)
      throw new PropertyViolation('state machine safety', `server ${id} at ${index}`);
  }
}
