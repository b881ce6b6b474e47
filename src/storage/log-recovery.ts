/**
 * Reads the log back from its segments, and tells a write that a crash cut off from damage to one that was complete.
 *
 * There is one write at a time, and nobody hears of it before it is on the disk. So only the last frame may be torn: a frame
 * followed by any other, even a torn one, had been complete. And each segment but the newest has a frame: the first frame of
 * a segment is written before the next segment is made.
 */

import type { Entry, HardState, LogIndex, LogPosition } from '../raft/types.js';
import { isTornFrame, isZero, nextAfter, readFrame, readHeader, SECTOR_BYTES } from './log-frame.js';
import { LogPlaces } from './log-places.js';

/** Something is missing that was there once, or was changed. The message is one line. */
export class DamagedLogError extends Error {
  readonly code = 'DAMAGED_LOG';

  constructor(reason: string) {
    super(reason);
    this.name = 'DamagedLogError';
  }
}

/** Where in a segment the frames are, and what else the log knows of it. */
export interface RecoveredSegment {
  readonly number: number;
  readonly byteLength: number;
  /** The sequence number of its first frame; undefined when there is none. */
  readonly firstSequence: number | undefined;
  /** Where its last frame starts, and ends; both 0 when there is none. */
  readonly lastFrame: number;
  readonly end: number;
  /** Whether a write was cut off after its last frame, and left some of its bytes. */
  readonly isTorn: boolean;
  /** The last entry in it that no later one replaced; 0 when there is none. */
  lastIndex: LogIndex;
}

export interface LogRecoveryOptions {
  readonly logNumber: number;
  /** Where the log begins: entries up to it are not wanted. */
  readonly logStart: LogPosition;
  /** The sequence number of the first frame that counts. */
  readonly firstSequence: number;
}

export class LogRecovery {
  hardState: HardState = { currentTerm: 0, votedFor: undefined };
  readonly segments: RecoveredSegment[] = [];
  /** The places of the entries in the segments. */
  readonly places = new LogPlaces();
  readonly #logNumber: number;
  readonly #logStart: LogPosition;
  /**
   * The entries after the log's start. A hole: entries that were in a dropped segment; in a sound log later entries replaced
   * them.
   */
  readonly #entries: (Entry | undefined)[] = [];
  /** The sequence number of the last frame. */
  #sequence: number;
  #lastIndex: LogIndex;
  /** The damage, if another segment follows an empty segment. */
  #empty: string | undefined;
  /** The damage, if another write follows a torn write. */
  #torn: string | undefined;

  constructor({ logNumber, logStart, firstSequence }: LogRecoveryOptions) {
    this.#logNumber = logNumber;
    this.#logStart = logStart;
    this.#lastIndex = logStart.index;
    this.#sequence = firstSequence - 1;
  }

  /** The sequence number of the last frame; without one, 1 less than the first frame will have. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The index of the last entry, or else of the log's start. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  /**
   * Takes the next segment, in the order of numbers. Entries share the segment's buffer, except in the newest segment, where they
   * are copied. Throws {@link DamagedLogError}.
   */
  push(
    number: number,
    bytes: Buffer,
    { name, isNewest }: { readonly name: string; readonly isNewest: boolean },
  ): void {
    if (this.#empty !== undefined) throw new DamagedLogError(this.#empty);
    const { byteLength } = bytes;
    const segment = { number, byteLength, lastIndex: 0 };
    const firstSequence = this.#sequence + 1;
    let lastFrame = 0;
    let end = 0;
    for (let frame = this.#frameAt(bytes, end); frame !== undefined; frame = this.#frameAt(bytes, end)) {
      if (this.#torn !== undefined) throw new DamagedLogError(this.#torn);
      if (frame.sequence !== this.#sequence + 1)
        throw new DamagedLogError(`${name} is damaged at byte ${end}: a write before it is missing`);
      if (frame.segmentBytes !== byteLength)
        throw new DamagedLogError(`${name} has ${byteLength} bytes, not ${frame.segmentBytes}`);
      this.#sequence = frame.sequence;
      this.hardState = frame.hardState;
      const [first] = frame.entries;
      if (first !== undefined) this.places.note(number, end, first.index);
      for (const entry of frame.entries) this.#append(isNewest ? copyOf(entry) : entry, segment);
      lastFrame = end;
      end = frame.end;
    }
    const isTorn = !isZero(bytes.subarray(end));
    if (isTorn && this.#torn !== undefined) throw new DamagedLogError(this.#torn);
    if (isTorn && this.#hasFrameAfter(bytes, end))
      throw new DamagedLogError(`${name} is damaged at byte ${end}`);
    if (isTorn && !isTornFrame(bytes, end, this.#logNumber))
      throw new DamagedLogError(`${name} is damaged at byte ${end}: a checksum is wrong`);
    if (isTorn) this.#torn = `${name} is damaged at byte ${end}, and the log goes on after it`;
    if (end === 0) this.#empty = `${name} is empty, and the log goes on after it`;
    this.segments.push({
      ...segment,
      firstSequence: end === 0 ? undefined : firstSequence,
      lastFrame,
      end,
      isTorn,
    });
  }

  /** There are no more: the entries after the log's start. Throws {@link DamagedLogError} when some are missing. */
  end({ reaches }: { readonly reaches: LogIndex }): readonly Entry[] {
    const entries: Entry[] = [];
    let { index, term } = this.#logStart;
    for (const entry of this.#entries) {
      index += 1;
      if (entry === undefined) throw new DamagedLogError(`entry ${index} is missing`);
      if (entry.term < term)
        throw new DamagedLogError(`entry ${index} is of an earlier term than the one before`);
      term = entry.term;
      entries.push(entry);
    }
    if (index < reaches) throw new DamagedLogError(`entry ${index + 1} is missing`);
    return entries;
  }

  #frameAt(bytes: Buffer, at: number) {
    return readFrame(bytes, at, this.#logNumber);
  }

  /** In place of those from the same index on. */
  #append(entry: Entry, segment: { lastIndex: LogIndex }): void {
    const { index } = entry;
    for (const earlier of this.segments) earlier.lastIndex = Math.min(earlier.lastIndex, index - 1);
    this.#lastIndex = index;
    segment.lastIndex = index;
    const place = index - this.#logStart.index - 1;
    this.#entries.length = Math.min(this.#entries.length, Math.max(0, place));
    if (place < 0) return;
    while (this.#entries.length < place) this.#entries.push(undefined);
    this.#entries.push(entry);
  }

  /** Whether a frame, which need not be whole, was written later than what is at this place. */
  #hasFrameAfter(bytes: Buffer, at: number): boolean {
    const from = nextAfter(bytes, at, this.#logNumber);
    for (let sector = from; sector < bytes.byteLength; sector += SECTOR_BYTES) {
      const header = readHeader(bytes, sector, this.#logNumber);
      if (header !== undefined && header.sequence > this.#sequence) return true;
    }
    return false;
  }
}

/** The entry in memory of its own: the end of a log stays in memory as long as nothing follows. */
function copyOf(entry: Entry): Entry {
  return { ...entry, payload: new Uint8Array(entry.payload) };
}
