/**
 * How often keys were removed, so that a transaction can tell that a key which it watches came and went.
 *
 * A count per key would have to be kept for ever. So keys are in a few groups by their hashes, with a count for each group. The
 * removal of another key of the group may then refuse a transaction without need. The counts are part of the replicated state,
 * so that all servers refuse the same transactions.
 */

import type { ByteReader } from '../bytes/byte-reader.js';
import type { ByteWriter } from '../bytes/byte-writer.js';

/** A power of two. */
const GROUPS = 256;

/** Bytes of the counts in an image. */
export const REMOVALS_BYTES = GROUPS * 8;

export class Removals {
  readonly #counts = new Float64Array(GROUPS);

  /** A key with this hash was removed. */
  add(hash: number): void {
    const group = hash & (GROUPS - 1);
    this.#counts[group] = (this.#counts[group] ?? 0) + 1;
  }

  /** All keys were removed. */
  addToAll(): void {
    for (let group = 0; group < GROUPS; group += 1) this.add(group);
  }

  /** Removals so far of keys in the group of this hash. */
  of(hash: number): number {
    return this.#counts[hash & (GROUPS - 1)] ?? 0;
  }

  /** Nothing was removed so far. */
  forget(): void {
    this.#counts.fill(0);
  }

  /** The counts as they are now. */
  copy(): Removals {
    const copy = new Removals();
    copy.#counts.set(this.#counts);
    return copy;
  }

  /** Appends {@link REMOVALS_BYTES}. */
  writeTo(out: ByteWriter): void {
    for (const count of this.#counts) out.f64(count);
  }

  /** Replaces the counts by those that {@link writeTo} wrote. */
  readFrom(reader: ByteReader): void {
    for (let group = 0; group < GROUPS; group += 1) this.#counts[group] = reader.f64();
  }
}
