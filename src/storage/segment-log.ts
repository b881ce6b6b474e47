/**
 * The log and the hard state in files of a fixed length, segments, which are full of zeros before anything is written.
 *
 * A write into space that a file already has is less work for the disk than one that makes the file longer: neither its
 * length nor the place of a new block is recorded at each sync. The next segment is made while the one before it is
 * still being filled. See log-frame.ts for what is in a segment.
 *
 * The server's manifest says which segments count: see {@link SegmentRange}.
 */

import type { Entry, HardState, LogIndex, LogPosition, LogRead } from '../raft/types.js';
import type { Files, LogMemory } from './files.js';
import { frameBytes, readFrame, roundedUp, writeFrame } from './log-frame.js';
import type { LogPlaces, Stretch } from './log-places.js';
import { DamagedLogError, LogRecovery, type RecoveredSegment } from './log-recovery.js';
import {
  type FirstSegment,
  type LogTail,
  type NewestSegment,
  nameOf,
  type OpenSegment,
  SegmentFiles,
  type SegmentRange,
} from './segment-files.js';
import { isSpaceShortage, type ShortageRetries } from './shortage-retries.js';

/** A new log begins with a short segment, so that a log that stays short costs little. */
const FIRST_SEGMENT_BYTES = 1024 * 1024;
const DEFAULT_SEGMENT_BYTES = 8 * 1024 * 1024;

/** More is written as several frames, unless it is one entry. */
const MAX_FRAME_BYTES = 2 * 1024 * 1024;

export interface SegmentLogOptions {
  readonly files: Files;
  readonly retries: ShortageRetries;
  /** The directory of the segments, with nothing else in it. */
  readonly directory: string;
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
  /** A random number that no other log has: marks its frames, see log-frame.ts. */
  readonly logNumber: number;
  readonly range: SegmentRange;
  /** Whether the manifest names the first segment. If not, the log is new, and what is in the directory counts for nothing. */
  readonly isBegun: boolean;
  /** Where the log begins: entries up to it are covered by a snapshot, and are not read. */
  readonly logStart: LogPosition;
  /** The log had entries at least up to this index: if they are missing, it is damaged. */
  readonly reaches: LogIndex;
  /** What the manifest says of the end of the newest segment. */
  readonly tail: LogTail;
  /** Records a new state of the tail in the manifest. */
  readonly onTail: (tail: LogTail) => Promise<void>;
  /** Records in the manifest that this is the newest segment. No frame is written to it before this resolves. */
  readonly onNewest: (newest: NewestSegment) => Promise<void>;
  /** Length of segments, a multiple of SECTOR_BYTES, 4 or more; one that begins with a long entry is longer. */
  readonly segmentBytes?: number;
}

/** What was found when the log was opened. */
export interface RecoveredLog {
  readonly hardState: HardState;
  /** The entries after the log's start. */
  readonly entries: readonly Entry[];
}

/** What one call of {@link SegmentLog.append} writes. */
export interface LogWrite {
  /** The new hard state; undefined if it has not changed. */
  readonly hardState: HardState | undefined;
  /** New entries, which replace those in the log from the same index on. */
  readonly entries: readonly Entry[];
}

interface Segment {
  readonly number: number;
  /** The sequence number of its first frame. */
  readonly firstSequence: number;
  /** The last entry in it that no later one replaced; 0 when there is none. */
  lastIndex: LogIndex;
  /** Where its last frame ends. */
  end: number;
}

export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #files: SegmentFiles;
  readonly #segmentBytes: number;
  readonly #memory: LogMemory;
  /** The segments with a frame, oldest first. The last is current: its frames repeat the hard state, so others may be removed. */
  #segments: Segment[];
  readonly #places: LogPlaces;
  #current: OpenSegment;
  /** The segment after the current one, which is made once that is half full. */
  #next: Promise<OpenSegment> | undefined;
  /** The last segment whose file, and its name, survive a crash. */
  #newestMade: NewestSegment | undefined;
  #lastIndex: LogIndex;
  #sequence: number;
  #hardState: HardState;
  /** Called when the disk has done a part of an {@link append}, or of what that waits for. */
  onProgress: (() => void) | undefined;

  private constructor(
    options: SegmentLogOptions,
    files: SegmentFiles,
    { recovery, current }: { readonly recovery: LogRecovery; readonly current: OpenSegment },
  ) {
    this.#options = options;
    this.#files = files;
    this.#memory = options.files.logMemory();
    this.#segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    this.#segments = recovery.segments.flatMap(({ number, firstSequence, lastIndex, end }) =>
      firstSequence === undefined ? [] : [{ number, firstSequence, lastIndex, end }],
    );
    this.#places = recovery.places;
    this.#current = current;
    this.#lastIndex = recovery.lastIndex;
    this.#sequence = recovery.sequence;
    this.#hardState = recovery.hardState;
  }

  /**
   * Opens the log, and reads what is in it after its start; all of that survives a crash from then on. Rejects with
   * {@link DamagedLogError}.
   */
  static async open(
    options: SegmentLogOptions,
  ): Promise<{ readonly log: SegmentLog; readonly recovered: RecoveredLog }> {
    const { range, logNumber, logStart, segmentBytes = DEFAULT_SEGMENT_BYTES } = options;
    const files = await SegmentFiles.in(options);
    const recovery = new LogRecovery({ logNumber, logStart, firstSequence: range.first.sequence });
    for (const number of numbersOf(range))
      recovery.push(number, await files.read(number), {
        name: nameOf(number),
        isNewest: number === range.newest?.number,
      });
    const { byteLength } = recovery.segments.at(-1) ?? {};
    if (byteLength !== range.newest?.byteLength)
      throw new DamagedLogError(
        `${nameOf(range.newest?.number ?? 0)} has ${byteLength} bytes, not ${range.newest?.byteLength}`,
      );
    const [firstSegment] = recovery.segments;
    if (options.isBegun && firstSegment?.firstSequence === undefined)
      throw new DamagedLogError(`${nameOf(range.first.number)} is empty`);
    const entries = recovery.end(options);
    await settle(recovery.segments, files, options);
    let current: OpenSegment;
    if (range.newest === undefined) {
      const newest = { number: range.first.number, byteLength: Math.min(segmentBytes, FIRST_SEGMENT_BYTES) };
      await files.make(newest);
      await options.onNewest(newest);
      current = await files.open(newest);
    } else current = await files.open(range.newest, recovery.segments.at(-1)?.end);
    const log = new SegmentLog(options, files, { recovery, current });
    try {
      if (current.end === 0) await log.#writeFrame(current, []);
    } catch (error) {
      await log.close();
      throw error;
    }
    return { log, recovered: { hardState: recovery.hardState, entries } };
  }

  /**
   * Writes what is given, and resolves once it survives a crash. Atomic up to {@link MAX_FRAME_BYTES}. One call at a time.
   * Rejects when the disk fails; nothing more may be written then.
   */
  async append({ hardState = this.#hardState, entries }: LogWrite): Promise<void> {
    this.#hardState = hardState;
    const byteLength = frameBytes(entries);
    if (byteLength <= MAX_FRAME_BYTES || entries.length === 1) {
      const { end, byteLength: room } = this.#current;
      await this.#writeFrame(
        end + byteLength <= room ? this.#current : await this.#nextSegment(byteLength),
        entries,
      );
      return;
    }
    const half = entries.length >>> 1;
    await this.append({ hardState, entries: entries.slice(0, half) });
    await this.append({ hardState, entries: entries.slice(half) });
  }

  /**
   * Reads entries that are in the log for good: the first ones of those that are wanted, at least one, or none when their segment
   * was dropped. Beside writes, and other reads. Rejects with {@link DamagedLogError}.
   */
  async read({ from, to, maxBytes }: Omit<LogRead, 'readId'>): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    let byteCount = 0;
    while (true) {
      const next = from + entries.length;
      const stretch = next > to ? undefined : this.#places.stretchWith(next);
      const found = stretch === undefined ? undefined : await this.#readStretch(stretch);
      if (stretch === undefined || found === undefined) return entries;
      for (const entry of found) {
        if (entry.index !== from + entries.length || entry.index >= stretch.before) continue;
        byteCount += entry.payload.byteLength;
        if (entry.index > to || (byteCount > maxBytes && entries.length > 0)) return entries;
        entries.push(entry);
      }
      if (from + entries.length === next) throw new DamagedLogError(`entry ${next} is missing`);
    }
  }

  /** The first segment that counts for a log that begins after this index. */
  firstAfter(index: LogIndex): FirstSegment {
    const first = this.#segments.find(({ lastIndex }) => lastIndex > index) ?? this.#segments.at(-1);
    if (first === undefined) throw new TypeError('a log has a segment from the time when it is opened');
    return { number: first.number, sequence: first.firstSequence };
  }

  /** Begins a segment for a new log that does not continue the old one: from now on it may be the first that counts. */
  async begin(): Promise<FirstSegment> {
    const next = await this.#nextSegment(frameBytes([]));
    await this.#writeFrame(next, []);
    return { number: next.number, sequence: this.#sequence };
  }

  /** Removes all segments before this one. The manifest says already that they do not count. */
  async dropBefore({ number: first }: FirstSegment): Promise<void> {
    const dropped = this.#segments.filter(({ number }) => number < first);
    this.#segments = this.#segments.filter(({ number }) => number >= first);
    this.#places.dropBefore(first);
    for (const { number } of dropped) await this.#files.remove(number);
  }

  /** Call it only while no write is under way. */
  async close(): Promise<void> {
    const next = await this.#next?.catch(() => undefined);
    await next?.file.close();
    await this.#current.file.close();
  }

  async #writeFrame(segment: OpenSegment, entries: readonly Entry[]): Promise<void> {
    const byteLength = frameBytes(entries);
    const frame = this.#memory.take(byteLength);
    const sequence = this.#sequence + 1;
    const content = { sequence, hardState: this.#hardState, entries };
    writeFrame(frame, content, {
      logNumber: this.#options.logNumber,
      segmentBytes: segment.byteLength,
    });
    try {
      await segment.file.write(frame, segment.end);
    } catch (error) {
      await this.#writeAgain(segment, frame, error);
    }
    this.#sequence = sequence;
    if (segment.end === 0) await this.#enter(segment);
    this.#noteEntries(entries, segment.end);
    segment.end += byteLength;
    this.onProgress?.();
    const current = this.#segments.at(-1);
    if (current !== undefined) current.end = segment.end;
    if (this.#next !== undefined || 2 * segment.end < segment.byteLength) return;
    this.#next = this.#make(0, (attempt) => attempt(undefined));
    // If this failed, #nextSegment tries again.
    this.#next.catch(() => undefined);
  }

  /**
   * The frame was not written, for a shortage. It is written again as a whole in the same place: a shorter one there would
   * leave the rest of this one after it.
   */
  async #writeAgain(segment: OpenSegment, frame: Buffer, error: unknown): Promise<void> {
    try {
      await this.#options.retries.retryAfter(error, () => segment.file.write(frame, segment.end));
    } catch (failure) {
      if (segment !== this.#current) await segment.file.close();
      throw failure;
    }
  }

  /** Makes a segment the current one, just after its first frame was written. */
  async #enter(segment: OpenSegment): Promise<void> {
    this.#segments.push({ number: segment.number, firstSequence: this.#sequence, lastIndex: 0, end: 0 });
    const before = this.#current;
    this.#current = segment;
    if (before !== segment) await before.file.close();
  }

  /** The current segment has a frame with these entries, which starts at `offset`. */
  #noteEntries(entries: readonly Entry[], offset: number): void {
    for (const { index } of entries) {
      if (index <= this.#lastIndex) {
        for (const segment of this.#segments) segment.lastIndex = Math.min(segment.lastIndex, index - 1);
      }
      this.#lastIndex = index;
    }
    const current = this.#segments.at(-1);
    const [first] = entries;
    if (current === undefined || first === undefined) return;
    current.lastIndex = this.#lastIndex;
    this.#places.note(current.number, offset, first.index);
  }

  /** The entries of a stretch as the log has them, consecutive; undefined when its segment was dropped. */
  async #readStretch({ segment: number, start, end }: Stretch): Promise<readonly Entry[] | undefined> {
    const segment = this.#segments.find((one) => one.number === number);
    const bytes = segment && (await this.#files.readPart(number, start, end ?? segment.end));
    if (bytes === undefined) return undefined;
    const entries: Entry[] = [];
    for (let at = 0; at < bytes.byteLength; ) {
      const frame = readFrame(bytes, at, this.#options.logNumber);
      if (frame === undefined)
        throw new DamagedLogError(`${nameOf(number)} is damaged at byte ${start + at}`);
      for (const entry of frame.entries) {
        // In place of those from the same index on.
        while ((entries.at(-1)?.index ?? 0) >= entry.index) entries.pop();
        entries.push(entry);
      }
      at = frame.end;
    }
    return entries;
  }

  /** The segment after the current one, with room for `byteLength` bytes. */
  async #nextSegment(byteLength: number): Promise<OpenSegment> {
    const { retries } = this.#options;
    const needed = roundedUp(byteLength);
    const make = () => this.#make(needed, (attempt) => retries.retry(attempt));
    const next = await (this.#next?.catch(make) ?? make());
    this.#next = undefined;
    if (next.byteLength >= byteLength) return next;
    // A segment too small for this entry gets an empty frame and is passed over.
    await this.#writeFrame(next, []);
    return make();
  }

  /**
   * Makes the segment after the current one, or goes on with one whose file was made: the manifest may name it already. It has
   * the usual length, or the shortest possible while the disk is short of space.
   */
  async #make(needed: number, retry: Retry): Promise<OpenSegment> {
    const number = this.#current.number + 1;
    if (this.#newestMade?.number !== number) {
      this.#newestMade = await retry(async (shortage) => {
        const usual = isSpaceShortage(shortage)
          ? Math.min(this.#segmentBytes, FIRST_SEGMENT_BYTES)
          : this.#segmentBytes;
        const newest = { number, byteLength: Math.max(usual, needed) };
        await this.#files.make(newest, () => this.onProgress?.());
        return newest;
      });
    }
    const newest = this.#newestMade;
    await retry(() => this.#options.onNewest(newest));
    this.onProgress?.();
    return retry(() => this.#files.open(newest));
  }
}

/** Makes the attempt once, or again and again while a shortage lasts. */
type Retry = <T>(attempt: (shortage: unknown) => Promise<T>) => Promise<T>;

/** Makes all that was read survive the end of the machine, and zeros after it. */
async function settle(
  segments: readonly RecoveredSegment[],
  files: SegmentFiles,
  { tail, onTail }: SegmentLogOptions,
): Promise<void> {
  const isTorn = tail === 'torn' || segments.some((segment) => segment.isTorn);
  if (isTorn && tail !== 'torn') await onTail('torn');
  const last = segments.findLastIndex(({ end }) => end > 0);
  for (const [i, segment] of segments.entries())
    await files.settle(segment, isTorn && i >= last ? 'torn' : 'zeros');
  if (isTorn) await onTail('zeros');
}

function numbersOf({ first, newest }: SegmentRange): readonly number[] {
  if (newest === undefined) return [];
  return Array.from({ length: newest.number - first.number + 1 }, (_, i) => first.number + i);
}
