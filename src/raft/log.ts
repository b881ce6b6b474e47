/**
 * One server's log as the core sees it (§5.3, §7): the terms of all entries after a start that compaction moves, and the
 * newest entries themselves. Older ones are on the disk alone; who needs one has it read, see log-reads.ts. Which configuration
 * is in force where is in log-configurations.ts.
 *
 * Invariants: `start.index <= heldAfter <= lastIndex`; entries are consecutive from `heldAfter + 1` to `lastIndex`; terms
 * never decrease along the log.
 */

import { invariant } from './assert.js';
import { NO_MEMBERS } from './configuration.js';
import { LogConfigurations } from './log-configurations.js';
import { LogTerms } from './log-terms.js';
import type { Configuration, Entry, LogIndex, LogPosition, Term } from './types.js';

/** Where every log begins: before the first entry. */
export const LOG_ORIGIN: LogPosition = { index: 0, term: 0 };

/** What an entry takes in memory besides its payload: the objects that hold it. */
export const ENTRY_OVERHEAD_BYTES = 512;

/** The part of the limit that is left when entries are removed from memory: the next removal comes later. */
const KEPT_FRACTION = 3 / 4;

export class RaftLog {
  readonly configurations: LogConfigurations;
  #start: LogPosition;
  /** The terms of all entries after the start. */
  #terms: LogTerms;
  /** The entries after {@link heldAfter}. */
  #entries: Entry[] = [];
  #heldAfter: LogIndex;
  /** What the entries take in memory. */
  #heldBytes = 0;

  /**
   * @param entries consecutive, the first right after `start`. Throws InvariantError otherwise.
   * @param configurations what is in force before the entries; those in entries are added to it
   */
  constructor(
    start: LogPosition,
    entries: readonly Entry[],
    configurations: LogConfigurations = new LogConfigurations(start.index, NO_MEMBERS),
  ) {
    this.configurations = configurations;
    this.#start = start;
    this.#terms = new LogTerms(start);
    this.#heldAfter = start.index;
    for (const entry of entries) this.append(entry);
  }

  /** The position just before the first entry; what came up to it is in a snapshot. */
  get start(): LogPosition {
    return this.#start;
  }

  get lastIndex(): LogIndex {
    return this.#terms.lastIndex;
  }

  get lastTerm(): Term {
    return this.#terms.lastTerm;
  }

  get last(): LogPosition {
    return { index: this.lastIndex, term: this.lastTerm };
  }

  /** Entries after this one are in memory. */
  get heldAfter(): LogIndex {
    return this.#heldAfter;
  }

  /** The term of the entry at `index`; undefined before the start and after the end. */
  termAt(index: LogIndex): Term | undefined {
    return this.#terms.termAt(index);
  }

  /** Whether the log has an entry like this one, or its start is at it. */
  has(position: LogPosition): boolean {
    return this.termAt(position.index) === position.term;
  }

  /** Whether a log that ends at `other` is at least as up-to-date as this one (§5.4.1). */
  isUpToDate(other: LogPosition): boolean {
    return other.term > this.lastTerm || (other.term === this.lastTerm && other.index >= this.lastIndex);
  }

  /** Entries in [from, to], clipped at the end of the log. Throws InvariantError when `from` is not in memory. */
  slice(from: LogIndex, to: LogIndex = this.lastIndex): readonly Entry[] {
    this.#checkHeld(from);
    return this.#entries.slice(from - this.#heldAfter - 1, to - this.#heldAfter);
  }

  /** Entries in [from, to], as far as they are in memory. */
  held(from: LogIndex, to: LogIndex): readonly Entry[] {
    const first = Math.max(from, this.#heldAfter + 1);
    return first > to ? [] : this.slice(first, to);
  }

  /**
   * Entries from `from` on, as many as fit in `maxBytes` of payload, and at least the first, if there is any. Throws
   * InvariantError when `from` is not in memory.
   */
  sliceBytes(from: LogIndex, maxBytes: number): readonly Entry[] {
    this.#checkHeld(from);
    const offset = from - this.#heldAfter - 1;
    let end = offset;
    let byteCount = 0;
    for (; end < this.#entries.length; end += 1) {
      byteCount += this.#entries[end]?.payload.byteLength ?? 0;
      if (byteCount > maxBytes && end > offset) break;
    }
    return this.#entries.slice(offset, end);
  }

  /** Payload bytes of the entries in [from, to], as far as they are in memory. */
  payloadBytes(from: LogIndex, to: LogIndex): number {
    let byteCount = 0;
    for (let index = from; index <= to; index += 1)
      byteCount += this.#entries[index - this.#heldAfter - 1]?.payload.byteLength ?? 0;
    return byteCount;
  }

  /** Adds an entry at the end. Throws InvariantError unless it is the next one and its term does not go back. */
  append(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, `entry ${entry.index} appended after ${this.lastIndex}`);
    invariant(entry.term >= this.lastTerm, `term ${entry.term} appended after term ${this.lastTerm}`);
    this.#entries.push(entry);
    this.#heldBytes += heldBytesOf(entry);
    this.#terms.extend(entry.index, entry.term);
    if (entry.configuration !== undefined) this.configurations.append(entry.index, entry.configuration);
  }

  /** Truncation on conflict (§5.3): removes `index` and all after it. Throws InvariantError when it is not in memory. */
  truncateFrom(index: LogIndex): void {
    this.#checkHeld(index);
    for (const entry of this.#entries.splice(index - this.#heldAfter - 1))
      this.#heldBytes -= heldBytesOf(entry);
    this.#terms.truncateTo(Math.min(index - 1, this.lastIndex));
    this.configurations.truncateFrom(index);
  }

  /** Compaction (§7): forgets entries up to and including `index`, which a snapshot covers. */
  compactTo(index: LogIndex): void {
    if (index <= this.#start.index) return;
    const term = this.termAt(index);
    invariant(term !== undefined, `compaction to ${index}, the log ends at ${this.lastIndex}`);
    this.#letGoTo(index);
    this.#terms.forgetBefore(index);
    this.#start = { index, term };
  }

  /** Replaces the whole log by a snapshot that ends at `start`, where this configuration is in force. */
  resetTo(start: LogPosition, configuration: Configuration): void {
    this.#entries = [];
    this.#heldBytes = 0;
    this.#heldAfter = start.index;
    this.#terms = new LogTerms(start);
    this.#start = start;
    this.configurations.resetTo(start.index, configuration);
  }

  /** Removes the oldest entries up to `index` from memory, until the rest takes at most `maxBytes`. They are on the disk. */
  letGo(index: LogIndex, maxBytes: number): void {
    if (this.#heldBytes <= maxBytes) return;
    let rest = this.#heldBytes;
    let to = this.#heldAfter;
    for (const entry of this.#entries) {
      if (entry.index > index || rest <= maxBytes * KEPT_FRACTION) break;
      rest -= heldBytesOf(entry);
      to = entry.index;
    }
    this.#letGoTo(to);
  }

  /** The last position up to `index` whose term is at most `term`, or else the start. */
  lastOfTermUpTo(term: Term, index: LogIndex): LogPosition {
    return this.#terms.lastOfTermUpTo(term, index) ?? this.#start;
  }

  #letGoTo(index: LogIndex): void {
    if (index <= this.#heldAfter) return;
    for (const entry of this.#entries.splice(0, index - this.#heldAfter))
      this.#heldBytes -= heldBytesOf(entry);
    this.#heldAfter = index;
  }

  #checkHeld(index: LogIndex): void {
    invariant(index > this.#heldAfter, `entry ${index} is wanted, memory has those after ${this.#heldAfter}`);
  }
}

function heldBytesOf({ payload }: Entry): number {
  return payload.byteLength + ENTRY_OVERHEAD_BYTES;
}
