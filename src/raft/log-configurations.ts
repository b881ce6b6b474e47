/**
 * The configurations in a server's log: each is in force from when its entry is appended, committed or not, and no longer once
 * the entry is removed (thesis 4.1). So the log, which appends and removes entries, keeps them.
 *
 * The first one kept is that of a snapshot, or of the cluster's beginning; it is in force where the log has no other.
 */

import { invariant } from './assert.js';
import { quorumOf } from './configuration.js';
import type { Quorum } from './quorum.js';
import type { Configuration, LogIndex } from './types.js';

/** A configuration, and where it is in the log. */
export interface PlacedConfiguration {
  /** The index of its entry, or of the snapshot that it was found in; 0 for the first configuration of a cluster. */
  readonly index: LogIndex;
  readonly configuration: Configuration;
  readonly quorum: Quorum;
}

export class LogConfigurations {
  /** In the order of the log, never empty. */
  #placed: readonly PlacedConfiguration[];
  #latest: PlacedConfiguration;

  /** @param configuration what is in force at `index`, up to which nothing else is asked for */
  constructor(index: LogIndex, configuration: Configuration) {
    this.#latest = place(index, configuration);
    this.#placed = [this.#latest];
  }

  /** The configuration in force. */
  get latest(): PlacedConfiguration {
    return this.#latest;
  }

  /** The configuration in force at this index. Throws InvariantError for an index before the first kept configuration. */
  at(index: LogIndex): Configuration {
    return this.#placedAt(index).configuration;
  }

  /** The configuration in force at a committed index, and all later ones: one of these will be in force next. */
  from(commitIndex: LogIndex): readonly PlacedConfiguration[] {
    return this.#placed.slice(this.#placed.indexOf(this.#placedAt(commitIndex)));
  }

  /** An entry with a configuration is appended. An entry at or before the first kept configuration is ignored. */
  append(index: LogIndex, configuration: Configuration): void {
    const [first] = this.#placed;
    if (first !== undefined && index <= first.index) return;
    invariant(index > this.#latest.index, `a configuration at ${index} after that at ${this.#latest.index}`);
    this.#keep([...this.#placed, place(index, configuration)]);
  }

  /** The entries from `index` on are removed, and with them every configuration there: maybe several. */
  truncateFrom(index: LogIndex): void {
    if (index <= this.#latest.index) this.#keep(this.#placed.filter((placed) => placed.index < index));
  }

  /** A snapshot up to `index` is there: what was in force before it is not asked for any more. */
  compactTo(index: LogIndex): void {
    const first = this.#placedAt(index);
    if (first.index < index)
      this.#keep([{ ...first, index }, ...this.#placed.filter((placed) => placed.index > index)]);
  }

  /** A snapshot takes the place of the whole log, and of all configurations in it, even those of later entries. */
  resetTo(index: LogIndex, configuration: Configuration): void {
    this.#keep([place(index, configuration)]);
  }

  #placedAt(index: LogIndex): PlacedConfiguration {
    const placed = this.#placed.findLast((one) => one.index <= index);
    invariant(placed !== undefined, `the configuration at ${index} is wanted, and was compacted`);
    return placed;
  }

  #keep(placed: readonly PlacedConfiguration[]): void {
    const latest = placed.at(-1);
    invariant(latest !== undefined, 'the first configuration is gone');
    this.#placed = placed;
    this.#latest = latest;
  }
}

function place(index: LogIndex, configuration: Configuration): PlacedConfiguration {
  return { index, configuration, quorum: quorumOf(configuration) };
}
