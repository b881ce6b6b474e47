/**
 * The log and the hard state in files of a fixed length, segments, which are full of zeros before anything is written.
 *
 * A write into space that a file has already is less work for the disk than one that makes the file longer: neither its
 * length nor the place of a new block is to be written down at each sync. Space is made while the segment before it is
 * still being filled. See log-frame.ts for what is in a segment.
 *
 * Which segments count is written down elsewhere: see {@link SegmentRange}.
 */

import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Entry, HardState, LogIndex, LogPosition } from '../raft/types.js';
import { LogFile, PageMemory, writeWhole } from './log-file.js';
import { frameBytes, isZero, roundedUp, writeFrame } from './log-frame.js';
import { DamagedLogError, LogRecovery, type RecoveredSegment } from './log-recovery.js';
import { PartialFile, syncDirectory } from './snapshot-files.js';

/** A new log is short, so that one that never gets long costs little. */
const FIRST_SEGMENT_BYTES = 1024 * 1024;
const DEFAULT_SEGMENT_BYTES = 8 * 1024 * 1024;

/** More is written as several frames, unless it is one entry. */
const MAX_FRAME_BYTES = 2 * 1024 * 1024;

const ZEROS = Buffer.alloc(1024 * 1024);

const SEGMENT_NAME = /^\d{8,}\.segment$/;
const PARTIAL_NAME = /^\d{8,}\.segment\.partial$/;

/** Where the log begins. */
export interface FirstSegment {
  readonly number: number;
  /** Of its first frame. */
  readonly sequence: number;
}

/** The segment that was made last. */
export interface NewestSegment {
  readonly number: number;
  readonly byteLength: number;
}

/** The segments that count: those before the first are on their way out, behind the newest is none. */
export interface SegmentRange {
  /** Something is in it once it is written down that it is the first. */
  readonly first: FirstSegment;
  /** Undefined when there is none yet. */
  readonly newest: NewestSegment | undefined;
}

export interface SegmentLogOptions {
  /** Made when missing. Nothing else is in it. */
  readonly directory: string;
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
  /** Of no other log: see log-frame.ts. */
  readonly logNumber: number;
  readonly range: SegmentRange;
  /** Whether it is written down which segment is the first. */
  readonly isBegun: boolean;
  /** Entries up to it are of no interest. */
  readonly logStart: LogPosition;
  /** Entries up to it were there. */
  readonly reaches: LogIndex;
  /** Writes down that this is the newest segment. Nothing is in it before that is done. */
  readonly onNewest: (newest: NewestSegment) => Promise<void>;
  /** Length of segments, a multiple of SECTOR_BYTES, 4 or more; one that begins with a long entry is longer. */
  readonly segmentBytes?: number;
}

/** What was found when the log was opened. */
export interface RecoveredLog {
  readonly hardState: HardState;
  /** Those behind the log's start. */
  readonly entries: readonly Entry[];
}

/** What is written at once. */
export interface LogWrite {
  /** Undefined while it stays as it is. */
  readonly hardState: HardState | undefined;
  /** They go in place of those from the same index on. */
  readonly entries: readonly Entry[];
}

interface Segment {
  readonly number: number;
  /** Of its first frame. */
  readonly firstSequence: number;
  /** The last entry in it that no later one replaced; 0 when there is none. */
  lastIndex: LogIndex;
}

/** A segment that can be written to. */
interface OpenSegment extends NewestSegment {
  readonly file: LogFile;
  /** Where the next frame goes. */
  end: number;
}

export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #files: SegmentFiles;
  readonly #segmentBytes: number;
  readonly #memory = new PageMemory();
  /** Those with a frame, in their order. The last is the current one: it tells the hard state when the others go. */
  #segments: Segment[];
  #current: OpenSegment;
  /** The one behind it, which is made once the current one is half full. */
  #next: Promise<OpenSegment> | undefined;
  #lastIndex: LogIndex;
  #sequence: number;
  #hardState: HardState;

  private constructor(
    options: SegmentLogOptions,
    files: SegmentFiles,
    { recovery, current }: { readonly recovery: LogRecovery; readonly current: OpenSegment },
  ) {
    this.#options = options;
    this.#files = files;
    this.#segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    this.#segments = recovery.segments.flatMap(({ number, firstSequence, lastIndex }) =>
      firstSequence === undefined ? [] : [{ number, firstSequence, lastIndex }],
    );
    this.#current = current;
    this.#lastIndex = recovery.lastIndex;
    this.#sequence = recovery.sequence;
    this.#hardState = recovery.hardState;
  }

  /**
   * Opens the log, and reads what is in it behind its start; all of that survives a crash from then on. Rejects with
   * {@link DamagedLogError}.
   */
  static async open(
    options: SegmentLogOptions,
  ): Promise<{ readonly log: SegmentLog; readonly recovered: RecoveredLog }> {
    const { range, logNumber, logStart, segmentBytes = DEFAULT_SEGMENT_BYTES } = options;
    const files = await SegmentFiles.in(options);
    const recovery = new LogRecovery({ logNumber, logStart, firstSequence: range.first.sequence });
    for (const number of numbersOf(range)) recovery.push(number, nameOf(number), await files.read(number));
    const { byteLength } = recovery.segments.at(-1) ?? {};
    if (byteLength !== range.newest?.byteLength)
      throw new DamagedLogError(
        `${nameOf(range.newest?.number ?? 0)} has ${byteLength} bytes, not ${range.newest?.byteLength}`,
      );
    const [firstSegment] = recovery.segments;
    if (options.isBegun && firstSegment?.firstSequence === undefined)
      throw new DamagedLogError(`${nameOf(range.first.number)} is empty`);
    const entries = recovery.end(options);
    for (const segment of recovery.segments) await files.settle(segment);
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
   * Writes what is given, which is not torn unless it is more than {@link MAX_FRAME_BYTES}, and resolves once it survives
   * a crash. One call at a time. Rejects when the disk fails; nothing more may be written then.
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

  /** The first segment that counts for a log that begins behind this index. */
  firstBehind(index: LogIndex): FirstSegment {
    const first = this.#segments.find(({ lastIndex }) => lastIndex > index) ?? this.#segments.at(-1);
    if (first === undefined) throw new TypeError('a log has a segment from the time when it is opened');
    return { number: first.number, sequence: first.firstSequence };
  }

  /** Begins a segment, for a log that has nothing to do with what is there: from now on it may be the first that counts. */
  async begin(): Promise<FirstSegment> {
    const next = await this.#nextSegment(frameBytes([]));
    await this.#writeFrame(next, []);
    return { number: next.number, sequence: this.#sequence };
  }

  /** Removes all segments before this one. That they do not count any more is written down. */
  async dropBefore({ number: first }: FirstSegment): Promise<void> {
    const dropped = this.#segments.filter(({ number }) => number < first);
    this.#segments = this.#segments.filter(({ number }) => number >= first);
    for (const { number } of dropped) await this.#files.remove(number);
  }

  /** Only when no write is under way. */
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
      if (segment !== this.#current) await segment.file.close();
      throw error;
    }
    this.#sequence = sequence;
    if (segment.end === 0) await this.#enter(segment);
    segment.end += byteLength;
    this.#noteEntries(entries);
    if (this.#next !== undefined || 2 * segment.end < segment.byteLength) return;
    this.#next = this.#make(this.#segmentBytes);
    // Whoever needs it tries again.
    this.#next.catch(() => undefined);
  }

  /** Something is in it now: it is the current one. */
  async #enter(segment: OpenSegment): Promise<void> {
    this.#segments.push({ number: segment.number, firstSequence: this.#sequence, lastIndex: 0 });
    const before = this.#current;
    this.#current = segment;
    if (before !== segment) await before.file.close();
  }

  #noteEntries(entries: readonly Entry[]): void {
    for (const { index } of entries) {
      if (index <= this.#lastIndex) {
        for (const segment of this.#segments) segment.lastIndex = Math.min(segment.lastIndex, index - 1);
      }
      this.#lastIndex = index;
    }
    const current = this.#segments.at(-1);
    if (current !== undefined && entries.length > 0) current.lastIndex = this.#lastIndex;
  }

  /** The segment behind the current one, with so much room. */
  async #nextSegment(byteLength: number): Promise<OpenSegment> {
    const make = () => this.#make(Math.max(this.#segmentBytes, roundedUp(byteLength)));
    const next = await (this.#next?.catch(make) ?? make());
    this.#next = undefined;
    if (next.byteLength >= byteLength) return next;
    // Segments without enough room stay all but empty.
    await this.#writeFrame(next, []);
    return make();
  }

  /** Makes the segment behind the current one. */
  async #make(byteLength: number): Promise<OpenSegment> {
    const newest = { number: this.#current.number + 1, byteLength };
    await this.#files.make(newest);
    await this.#options.onNewest(newest);
    return this.#files.open(newest);
  }
}

/** The files of the segments in their directory. */
class SegmentFiles {
  readonly #directory: string;
  readonly #fsync: boolean;

  private constructor(directory: string, fsync: boolean) {
    this.#directory = directory;
    this.#fsync = fsync;
  }

  /** Removes what does not count. Rejects with {@link DamagedLogError} when something is where nothing can be. */
  static async in({ directory, fsync, range }: SegmentLogOptions): Promise<SegmentFiles> {
    await mkdir(directory, { recursive: true });
    const files = new SegmentFiles(directory, fsync);
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      const number = SEGMENT_NAME.test(name) ? Number.parseInt(name, 10) : undefined;
      if (PARTIAL_NAME.test(name)) await rm(path, { force: true });
      else if (number === undefined) continue;
      else if (number < range.first.number) await rm(path, { force: true });
      else if (number > (range.newest?.number ?? 0)) {
        // A crash came before it was written down that there is one.
        if (!isZero(await readFile(path))) throw new DamagedLogError(`${name} holds what is not known of`);
        await rm(path, { force: true });
      }
    }
    if (fsync) {
      await syncDirectory(dirname(directory));
      await syncDirectory(directory);
    }
    return files;
  }

  /** Rejects with {@link DamagedLogError} when it is not there. */
  async read(number: number): Promise<Buffer> {
    return readFile(this.#pathOf(number)).catch((cause: unknown) => {
      const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
      throw isMissing ? new DamagedLogError(`${nameOf(number)} is missing`) : cause;
    });
  }

  /**
   * Has what was read of a segment survive a crash, and nothing left of a write that was cut off. The last write is done
   * once more: it may have failed, and be there all the same as far as the operating system knows.
   */
  async settle({ number, byteLength, lastFrame, end, isTorn }: RecoveredSegment): Promise<void> {
    if (!isTorn && !this.#fsync) return;
    const file = await open(this.#pathOf(number), 'r+');
    try {
      if (end > 0) {
        const frame = Buffer.alloc(end - lastFrame);
        const { bytesRead } = await file.read(frame, 0, frame.byteLength, lastFrame);
        if (bytesRead < frame.byteLength) throw new Error(`only ${bytesRead} bytes of a write were read`);
        await writeWhole(file, frame, lastFrame);
      }
      for (let at = end; isTorn && at < byteLength; at += ZEROS.byteLength)
        await writeWhole(file, ZEROS.subarray(0, byteLength - at), at);
      if (this.#fsync) await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** A new one. Replaces one that does not count yet. */
  async make({ number, byteLength }: NewestSegment): Promise<void> {
    const path = this.#pathOf(number);
    const partial = await PartialFile.create(`${path}.partial`, { fsync: this.#fsync });
    try {
      for (let at = 0; at < byteLength; at += ZEROS.byteLength)
        await partial.write(ZEROS.subarray(0, byteLength - at));
      await partial.publish(path);
    } catch (error) {
      await partial.discard();
      throw error;
    }
  }

  async open({ number, byteLength }: NewestSegment, end = 0): Promise<OpenSegment> {
    const file = await LogFile.open(this.#pathOf(number), { fsync: this.#fsync });
    return { number, byteLength, end, file };
  }

  async remove(number: number): Promise<void> {
    await rm(this.#pathOf(number), { force: true });
  }

  #pathOf(number: number): string {
    return join(this.#directory, nameOf(number));
  }
}

function nameOf(number: number): string {
  return `${String(number).padStart(8, '0')}.segment`;
}

function numbersOf({ first, newest }: SegmentRange): readonly number[] {
  if (newest === undefined) return [];
  return Array.from({ length: newest.number - first.number + 1 }, (_, i) => first.number + i);
}
