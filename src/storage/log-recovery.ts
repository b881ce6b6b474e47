/**
 * Reads the log back from its segments, and tells a write that a crash cut off from damage to one that was complete.
 *
 * There is one write at a time, and nobody hears of it before it is on the disk. So only the last frame may be torn: one
 * that is followed by another was complete once.
 */

import type { Entry, HardState, LogIndex, LogPosition } from '../raft/types.js';
import { isTornFrame, isZero, nextAfter, readFrame, SECTOR_BYTES } from './log-frame.js';

/** Something is missing that was there once, or was changed. The message is one line. */
export class DamagedLogError extends Error {
  readonly code = 'DAMAGED_LOG';

  constructor(reason: string) {
    super(reason);
    this.name = 'DamagedLogError';
  }
}

/** Where in a segment the frames end, and what else the log knows of it. */
export interface RecoveredSegment {
  readonly number: number;
  readonly byteLength: number;
  /** Behind the last frame. */
  readonly end: number;
  /** Whether a write was cut off there, which left something behind. */
  readonly isTorn: boolean;
  /** The last entry in it that no later one replaced; 0 when there is none. */
  lastIndex: LogIndex;
}

export class LogRecovery {
  hardState: HardState = { currentTerm: 0, votedFor: undefined };
  readonly segments: RecoveredSegment[] = [];
  /** Those behind the log's start. */
  readonly entries: Entry[] = [];
  readonly #logStart: LogPosition;
  #sequence: number | undefined;
  #lastIndex: LogIndex;
  /** Says what is wrong unless nothing follows. */
  #torn: string | undefined;

  constructor(logStart: LogPosition) {
    this.#logStart = logStart;
    this.#lastIndex = logStart.index;
  }

  /** Of the last frame; 0 when there is none. */
  get sequence(): number {
    return this.#sequence ?? 0;
  }

  /** Of the last entry, or else the log's start. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  /** The next segment, in their order. Throws {@link DamagedLogError}. */
  push(number: number, name: string, bytes: Buffer): void {
    const segment = { number, byteLength: bytes.byteLength, lastIndex: 0 };
    let at = 0;
    for (let frame = readFrame(bytes, at); frame !== undefined; frame = readFrame(bytes, at)) {
      const expected = (this.#sequence ?? frame.sequence - 1) + 1;
      if (this.#torn !== undefined) throw new DamagedLogError(this.#torn);
      if (frame.sequence !== expected)
        throw new DamagedLogError(`${name} is damaged at byte ${at}: frame ${expected} is missing`);
      this.#sequence = frame.sequence;
      this.hardState = frame.hardState;
      for (const entry of frame.entries) this.#append(entry, segment);
      at = frame.end;
    }
    const isTorn = !isZero(bytes.subarray(at));
    if (isTorn) {
      if (this.#hasFrameBehind(bytes, at)) throw new DamagedLogError(`${name} is damaged at byte ${at}`);
      if (!isTornFrame(bytes, at))
        throw new DamagedLogError(`${name} is damaged at byte ${at}: a checksum is wrong`);
      this.#torn ??= `${name} is damaged at byte ${at}, and the log goes on behind it`;
    }
    this.segments.push({ ...segment, end: at, isTorn });
  }

  /** There are no more. Throws {@link DamagedLogError}, also when the log does not reach as far as it did. */
  end(reaches: LogIndex): void {
    if (this.#lastIndex < reaches) throw new DamagedLogError(`entry ${this.#lastIndex + 1} is missing`);
    // Not earlier: entries that were replaced later may be of an earlier term than the log's start.
    let { term } = this.#logStart;
    for (const entry of this.entries) {
      if (entry.term < term)
        throw new DamagedLogError(`entry ${entry.index} is of an earlier term than the one before`);
      term = entry.term;
    }
  }

  #append(entry: Entry, segment: { lastIndex: LogIndex }): void {
    const { index } = entry;
    if (index > this.#lastIndex + 1) throw new DamagedLogError(`entry ${this.#lastIndex + 1} is missing`);
    // It conflicts with entries from its own index on, which go.
    for (const earlier of this.segments) earlier.lastIndex = Math.min(earlier.lastIndex, index - 1);
    this.#lastIndex = index;
    segment.lastIndex = index;
    const kept = Math.max(0, index - this.#logStart.index - 1);
    if (kept < this.entries.length) this.entries.length = kept;
    if (index <= this.#logStart.index) return;
    this.entries.push(entry);
  }

  /** Whether there is a frame that was written later than what is at this place. */
  #hasFrameBehind(bytes: Buffer, at: number): boolean {
    for (let sector = nextAfter(bytes, at); sector < bytes.byteLength; sector += SECTOR_BYTES) {
      const frame = readFrame(bytes, sector);
      if (frame !== undefined && frame.sequence > this.sequence) return true;
    }
    return false;
  }
}
