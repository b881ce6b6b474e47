/**
 * The log and the hard state in files of a fixed length, segments, which are full of zeros before anything is written.
 *
 * A write into space that a file has already is less work for the disk than one that makes the file longer: neither its
 * length nor the place of a new block is to be written down at each sync. Space is made while the segment before it is
 * still being filled. See log-frame.ts for what is in a segment.
 *
 * Which segments count is written down elsewhere: see {@link SegmentRange}.
 */

import { constants, write } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry, HardState, LogIndex, LogPosition } from '../raft/types.js';
import { frameBytes, roundedUp, writeFrame } from './log-frame.js';
import { DamagedLogError, LogRecovery, type RecoveredSegment } from './log-recovery.js';
import { PartialFile } from './snapshot-files.js';

/** A new log is short, so that one that never gets long costs little. */
const FIRST_SEGMENT_BYTES = 1024 * 1024;
const DEFAULT_SEGMENT_BYTES = 8 * 1024 * 1024;

/** More is written as several frames, unless it is one entry. */
const MAX_FRAME_BYTES = 2 * 1024 * 1024;

/** Memory that is kept for frames; larger ones get some of their own. */
const FRAME_MEMORY_BYTES = 256 * 1024;

const ZEROS = Buffer.alloc(1024 * 1024);

/** The segments that count, by their numbers: those before `first` are on their way out, behind `newest` is none. */
export interface SegmentRange {
  readonly first: number;
  /** `first` - 1 when there is none yet. */
  readonly newest: number;
}

export interface SegmentLogOptions {
  /** Made when missing. Nothing else is in it. */
  readonly directory: string;
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
  readonly range: SegmentRange;
  /** Entries up to it are of no interest. */
  readonly logStart: LogPosition;
  /** Entries up to it were there. */
  readonly reaches: LogIndex;
  /** Writes down that this is the newest segment. Nothing is in it before that is done. */
  readonly onNewest: (number: number) => Promise<void>;
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
  /** The last entry in it that no later one replaced; 0 when there is none. */
  lastIndex: LogIndex;
}

/** A segment that can be written to. */
interface OpenSegment extends Segment {
  readonly file: FileHandle;
  readonly byteLength: number;
  /** Where the next frame goes. */
  end: number;
}

export class SegmentLog {
  readonly #files: SegmentFiles;
  readonly #onNewest: (number: number) => Promise<void>;
  readonly #segmentBytes: number;
  readonly #memory = Buffer.allocUnsafeSlow(FRAME_MEMORY_BYTES);
  /** Those that are not written to any more, in their order. */
  #full: Segment[];
  /** Something is in it: that tells the hard state when all before it are dropped. */
  #current: OpenSegment;
  /** The one behind it, which is made once the current one is half full. */
  #next: Promise<OpenSegment> | undefined;
  #lastIndex: LogIndex;
  #sequence: number;
  #hardState: HardState;

  private constructor(
    { onNewest, segmentBytes = DEFAULT_SEGMENT_BYTES }: SegmentLogOptions,
    files: SegmentFiles,
    { full, current, recovery }: { full: Segment[]; current: OpenSegment; recovery: LogRecovery },
  ) {
    this.#files = files;
    this.#onNewest = onNewest;
    this.#segmentBytes = segmentBytes;
    this.#full = full;
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
    const { range, onNewest, segmentBytes = DEFAULT_SEGMENT_BYTES } = options;
    const files = await SegmentFiles.in(options);
    const recovery = new LogRecovery(options.logStart);
    for (let number = range.first; number <= range.newest; number += 1)
      recovery.push(number, nameOf(number), await files.read(number));
    recovery.end(options.reaches);
    const { segments, entries, hardState } = recovery;
    for (const segment of segments) await files.settle(segment);
    let current = segments.at(-1);
    if (current === undefined) {
      current = await files.make(range.newest + 1, Math.min(segmentBytes, FIRST_SEGMENT_BYTES));
      await onNewest(current.number);
    }
    const opened = { full: segments.slice(0, -1), current: await files.open(current), recovery };
    const log = new SegmentLog(options, files, opened);
    if (opened.current.end === 0) await log.append({ hardState, entries: [] });
    return { log, recovered: { hardState, entries } };
  }

  /**
   * Writes what is given, which is not torn unless it is more than {@link MAX_FRAME_BYTES}, and resolves once it survives
   * a crash. One call at a time. Rejects when the disk fails; nothing more may be written then.
   */
  async append({ hardState = this.#hardState, entries }: LogWrite): Promise<void> {
    this.#hardState = hardState;
    const byteLength = frameBytes(entries);
    if (byteLength <= MAX_FRAME_BYTES || entries.length === 1) {
      const hasRoom = this.#current.end + byteLength <= this.#current.byteLength;
      await this.#write(hasRoom ? this.#current : await this.#nextSegment(byteLength), entries, byteLength);
      return;
    }
    const half = entries.length >>> 1;
    await this.append({ hardState, entries: entries.slice(0, half) });
    await this.append({ hardState, entries: entries.slice(half) });
  }

  /** The first segment with an entry behind this index, or else the one that the next entry goes to. */
  firstBehind(index: LogIndex): number {
    return (this.#full.find(({ lastIndex }) => lastIndex > index) ?? this.#current).number;
  }

  /** Begins a segment, for a log that has nothing to do with what is there, and resolves to its number. */
  async begin(): Promise<number> {
    const byteLength = frameBytes([]);
    await this.#write(await this.#nextSegment(byteLength), [], byteLength);
    return this.#current.number;
  }

  /** Removes all segments before this one. That they do not count any more is written down. */
  async dropBefore(first: number): Promise<void> {
    const dropped = this.#full.filter(({ number }) => number < first);
    this.#full = this.#full.filter(({ number }) => number >= first);
    for (const { number } of dropped) await this.#files.remove(number);
  }

  /** Only when no write is under way. */
  async close(): Promise<void> {
    const next = await this.#next?.catch(() => undefined);
    await next?.file.close();
    await this.#current.file.close();
  }

  async #write(segment: OpenSegment, entries: readonly Entry[], byteLength: number): Promise<void> {
    const frame =
      byteLength <= FRAME_MEMORY_BYTES
        ? this.#memory.subarray(0, byteLength)
        : Buffer.allocUnsafeSlow(byteLength);
    this.#sequence += 1;
    writeFrame(frame, { sequence: this.#sequence, hardState: this.#hardState, entries });
    await writeWhole(segment.file, frame, segment.end);
    segment.end += byteLength;
    if (segment !== this.#current) await this.#leaveFor(segment);
    for (const { index } of entries) this.#noteEntry(index);
    if (this.#next !== undefined || 2 * segment.end < segment.byteLength) return;
    this.#next = this.#make(segment.number + 1, this.#segmentBytes);
    // Whoever needs it tries again.
    this.#next.catch(() => undefined);
  }

  #noteEntry(index: LogIndex): void {
    if (index <= this.#lastIndex) {
      for (const segment of this.#full) segment.lastIndex = Math.min(segment.lastIndex, index - 1);
    }
    this.#lastIndex = index;
    this.#current.lastIndex = index;
  }

  /** The segment behind the current one, with so much room. */
  async #nextSegment(byteLength: number): Promise<OpenSegment> {
    const make = () =>
      this.#make(this.#current.number + 1, Math.max(this.#segmentBytes, roundedUp(byteLength)));
    let next = await (this.#next?.catch(make) ?? make());
    this.#next = undefined;
    if (next.byteLength < byteLength) {
      // Segments without room stay all but empty.
      await this.#write(next, [], frameBytes([]));
      next = await make();
    }
    return next;
  }

  async #leaveFor(segment: OpenSegment): Promise<void> {
    const { file, number, lastIndex } = this.#current;
    this.#full.push({ number, lastIndex });
    this.#current = segment;
    await file.close();
  }

  async #make(number: number, byteLength: number): Promise<OpenSegment> {
    const made = await this.#files.make(number, byteLength);
    await this.#onNewest(number);
    return this.#files.open(made);
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

  /** Removes whatever does not count. */
  static async in({ directory, fsync, range }: SegmentLogOptions): Promise<SegmentFiles> {
    await mkdir(directory, { recursive: true });
    const counting = new Set<string>();
    for (let number = range.first; number <= range.newest; number += 1) counting.add(nameOf(number));
    for (const name of await readdir(directory)) {
      if (!counting.has(name)) await rm(join(directory, name));
    }
    return new SegmentFiles(directory, fsync);
  }

  /** Rejects with {@link DamagedLogError} when it is not there. */
  async read(number: number): Promise<Buffer> {
    const path = this.#pathOf(number);
    return readFile(path).catch((cause: unknown) => {
      const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
      throw isMissing ? new DamagedLogError(`${nameOf(number)} is missing`) : cause;
    });
  }

  /** Has what was read of a segment survive a crash, and nothing left of a write that was cut off. */
  async settle({ number, byteLength, end, isTorn }: RecoveredSegment): Promise<void> {
    if (!isTorn && !this.#fsync) return;
    const file = await open(this.#pathOf(number), 'r+');
    try {
      for (let at = end; isTorn && at < byteLength; at += ZEROS.byteLength)
        await writeWhole(file, ZEROS.subarray(0, byteLength - at), at);
      if (this.#fsync) await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** A new one of this length. Replaces one that does not count yet. */
  async make(number: number, byteLength: number): Promise<RecoveredSegment> {
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
    return { number, byteLength, end: 0, isTorn: false, lastIndex: 0 };
  }

  async open({ number, byteLength, end, lastIndex }: RecoveredSegment): Promise<OpenSegment> {
    const flags = this.#fsync ? constants.O_RDWR | constants.O_DSYNC : constants.O_RDWR;
    return { number, byteLength, end, lastIndex, file: await open(this.#pathOf(number), flags) };
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

/** With a callback: the promise of FileHandle.write costs several times as much. */
function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    write(file.fd, bytes, 0, bytes.byteLength, position, (error, byteCount) => {
      if (error !== null) reject(error);
      else if (byteCount === bytes.byteLength) resolve();
      else reject(new Error(`only ${byteCount} of ${bytes.byteLength} bytes were written`));
    });
  });
}
