/**
 * One server's log as the core sees it: the entries in memory, after a start that compaction moves (§5.3, §7).
 *
 * Invariants: `start.index <= lastIndex`; entries are consecutive from `start.index + 1`; terms never decrease
 * along the log.
 */

import { invariant } from './assert.js';
import { NO_MEMBERS } from './configuration.js';
import { Configurations } from './configurations.js';
import type { Configuration, Entry, LogIndex, LogPosition, Term } from './types.js';

/** Where every log begins: before the first entry. */
export const LOG_ORIGIN: LogPosition = { index: 0, term: 0 };

export class RaftLog {
  readonly configurations: Configurations;
  #start: LogPosition;
  #entries: Entry[];

  /**
   * @param entries consecutive, the first right after `start`. Throws InvariantError otherwise.
   * @param configurations what is in force before the entries; those in entries are added to it
   */
  constructor(
    start: LogPosition,
    entries: readonly Entry[],
    configurations: Configurations = new Configurations(start.index, NO_MEMBERS),
  ) {
    this.configurations = configurations;
    this.#start = start;
    this.#entries = [];
    for (const entry of entries) this.append(entry);
  }

  /** The position just before the first entry held; what came up to it is in a snapshot. */
  get start(): LogPosition {
    return this.#start;
  }

  get lastIndex(): LogIndex {
    return this.#start.index + this.#entries.length;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#start.term;
  }

  get last(): LogPosition {
    return { index: this.lastIndex, term: this.lastTerm };
  }

  /** The term of the entry at `index`; undefined before the start and after the end. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.#start.index) return this.#start.term;
    return this.#entries[index - this.#start.index - 1]?.term;
  }

  /** Whether the log holds an entry like this one, or its start is at it. */
  has(position: LogPosition): boolean {
    return this.termAt(position.index) === position.term;
  }

  /** Whether a log that ends at `other` is at least as up-to-date as this one (§5.4.1). */
  isUpToDate(other: LogPosition): boolean {
    return other.term > this.lastTerm || (other.term === this.lastTerm && other.index >= this.lastIndex);
  }

  /** Entries in [from, to], clipped at the end of the log. Throws InvariantError when `from` was compacted. */
  slice(from: LogIndex, to: LogIndex = this.lastIndex): readonly Entry[] {
    invariant(from > this.#start.index, `entry ${from} is wanted, the log starts after ${this.#start.index}`);
    return this.#entries.slice(from - this.#start.index - 1, to - this.#start.index);
  }

  /**
   * Entries from `from` on, as many as fit in `maxBytes` of payload, and one at least where there is one.
   */
  sliceBytes(from: LogIndex, maxBytes: number): readonly Entry[] {
    const offset = from - this.#start.index - 1;
    invariant(offset >= 0, `entry ${from} is wanted, the log starts after ${this.#start.index}`);
    let end = offset;
    let byteCount = 0;
    for (; end < this.#entries.length; end += 1) {
      byteCount += this.#entries[end]?.payload.byteLength ?? 0;
      if (byteCount > maxBytes && end > offset) break;
    }
    return this.#entries.slice(offset, end);
  }

  /** Payload bytes of the entries in [from, to], as far as they are held. */
  payloadBytes(from: LogIndex, to: LogIndex): number {
    let byteCount = 0;
    for (let index = from; index <= to; index += 1)
      byteCount += this.#entries[index - this.#start.index - 1]?.payload.byteLength ?? 0;
    return byteCount;
  }

  /** Adds an entry at the end. Throws InvariantError unless it is the next one and its term does not go back. */
  append(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, `entry ${entry.index} appended after ${this.lastIndex}`);
    invariant(entry.term >= this.lastTerm, `term ${entry.term} appended after term ${this.lastTerm}`);
    this.#entries.push(entry);
    if (entry.configuration !== undefined) this.configurations.append(entry.index, entry.configuration);
  }

  /** Truncation on conflict (§5.3): removes the entry at `index` and all after it. */
  truncateFrom(index: LogIndex): void {
    invariant(index > this.#start.index, `truncation at ${index}, the log starts after ${this.#start.index}`);
    this.#entries.length = Math.min(this.#entries.length, index - this.#start.index - 1);
    this.configurations.truncateFrom(index);
  }

  /** Compaction (§7): forgets entries up to and including `index`, which a snapshot covers. */
  compactTo(index: LogIndex): void {
    if (index <= this.#start.index) return;
    const term = this.termAt(index);
    invariant(term !== undefined, `compaction to ${index}, the log ends at ${this.lastIndex}`);
    this.#entries = this.#entries.slice(index - this.#start.index);
    this.#start = { index, term };
  }

  /** Replaces the whole log by a snapshot that ends at `start`, where this configuration is in force. */
  resetTo(start: LogPosition, configuration: Configuration): void {
    this.#entries = [];
    this.#start = start;
    this.configurations.resetTo(start.index, configuration);
  }
}
