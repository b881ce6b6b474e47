/** The files of a log's segments, in a directory of their own. */

import { join } from 'node:path';
import { type Files, type LogFile, writeWhole } from './files.js';
import { isZero } from './log-frame.js';
import { DamagedLogError, type RecoveredSegment } from './log-recovery.js';
import { PartialFile } from './partial-file.js';
import { systemCodeOf } from './system-errors.js';

const ZEROS = Buffer.alloc(1024 * 1024);

const SEGMENT_NAME = /^\d{8,}\.segment$/;
const PARTIAL_NAME = /^\d{8,}\.segment\.partial$/;

/** Where the log begins. */
export interface FirstSegment {
  readonly number: number;
  /** The sequence number of its first frame. */
  readonly sequence: number;
}

/** The segment that was made last. */
export interface NewestSegment {
  readonly number: number;
  readonly byteLength: number;
}

/** The segments that count. Earlier segments are being deleted; later ones do not exist. */
export interface SegmentRange {
  /** It has a frame once the manifest names it. */
  readonly first: FirstSegment;
  /** The newest segment; undefined before the first is made. */
  readonly newest: NewestSegment | undefined;
}

/**
 * What is after the log's last frame, up to the end of the newest segment. It is `torn` from the time when a write that was cut
 * off is found until zeros are there in its place and survive the end of the machine: a sync of these zeros may fail, and
 * then they are read, and not on the disk.
 */
export type LogTail = 'zeros' | 'torn';

/** A segment that can be written to. */
export interface OpenSegment extends NewestSegment {
  readonly file: LogFile;
  /** Where the next frame goes. */
  end: number;
}

export interface SegmentFilesOptions {
  readonly files: Files;
  /** The directory of the segments, with nothing else in it. */
  readonly directory: string;
  readonly fsync: boolean;
  readonly range: SegmentRange;
}

export class SegmentFiles {
  readonly #files: Files;
  readonly #directory: string;
  readonly #fsync: boolean;
  readonly #range: SegmentRange;

  private constructor({ files, directory, fsync, range }: SegmentFilesOptions) {
    this.#files = files;
    this.#directory = directory;
    this.#fsync = fsync;
    this.#range = range;
  }

  /**
   * Opens the directory, and removes the segments that do not count. Rejects with {@link DamagedLogError} when something is
   * where nothing can be.
   */
  static async in(options: SegmentFilesOptions): Promise<SegmentFiles> {
    const { files, directory } = options;
    const segments = new SegmentFiles(options);
    for (const name of await files.list(directory)) await segments.#removeUnlessItCounts(name);
    return segments;
  }

  /**
   * The whole segment, in memory that the operating system gets back: of what `malloc` gives, an arena for each thread would
   * stay as large as the log that a server has read. Rejects with {@link DamagedLogError} when it is not there.
   */
  async read(number: number): Promise<Buffer> {
    const byteLength = await this.#files.size(this.#pathOf(number)).catch((cause: unknown) => {
      throw systemCodeOf(cause) === 'ENOENT' ? missing(number) : cause;
    });
    const bytes = await this.#readInto(this.#files.logMemory().take(byteLength), number, 0);
    if (bytes === undefined) throw missing(number);
    return bytes;
  }

  /** The bytes between two places; undefined when the segment is not there any more. Rejects with {@link DamagedLogError}. */
  readPart(number: number, start: number, end: number): Promise<Buffer | undefined> {
    return this.#readInto(Buffer.allocUnsafeSlow(end - start), number, start);
  }

  async #readInto(bytes: Buffer, number: number, start: number): Promise<Buffer | undefined> {
    const path = this.#pathOf(number);
    const file = await this.#files.open(path, 'read').catch((cause: unknown) => {
      if (systemCodeOf(cause) === 'ENOENT') return undefined;
      throw cause;
    });
    if (file === undefined) return undefined;
    try {
      let done = 0;
      while (done < bytes.byteLength) {
        const count = await file.read(bytes.subarray(done), start + done);
        if (count === 0) throw new DamagedLogError(`${nameOf(number)} ends at byte ${start + done}`);
        done += count;
      }
      return bytes;
    } finally {
      await file.close();
    }
  }

  /**
   * Has what was read of a segment survive a crash, and zeros be after it if the tail is torn. The last write is done once
   * more: it may have failed, and be there all the same as far as the operating system knows.
   */
  async settle({ number, byteLength, lastFrame, end }: RecoveredSegment, tail: LogTail): Promise<void> {
    if (tail === 'zeros' && !this.#fsync) return;
    const file = await this.#files.open(this.#pathOf(number), 'read and write');
    try {
      if (end > 0) {
        const frame = Buffer.alloc(end - lastFrame);
        const count = await file.read(frame, lastFrame);
        if (count < frame.byteLength) throw new Error(`only ${count} bytes of a write were read`);
        await writeWhole(file, frame, lastFrame);
      }
      for (let at = end; tail === 'torn' && at < byteLength; at += ZEROS.byteLength)
        await writeWhole(file, ZEROS.subarray(0, byteLength - at), at);
      if (this.#fsync) await file.datasync();
    } finally {
      await file.close();
    }
  }

  /**
   * Makes a new segment. It replaces a file of that name that does not count yet.
   *
   * @param onProgress called when the disk has a part of it
   */
  async make({ number, byteLength }: NewestSegment, onProgress?: () => void): Promise<void> {
    const path = this.#pathOf(number);
    const partial = await PartialFile.create(this.#files, `${path}.partial`, { fsync: this.#fsync });
    try {
      for (let at = 0; at < byteLength; at += ZEROS.byteLength) {
        await partial.write(ZEROS.subarray(0, byteLength - at));
        onProgress?.();
      }
      await partial.publish(path);
    } catch (error) {
      await partial.discard().catch(() => undefined);
      throw error;
    }
  }

  async open({ number, byteLength }: NewestSegment, end = 0): Promise<OpenSegment> {
    const file = await this.#files.openLog(this.#pathOf(number), { fsync: this.#fsync });
    return { number, byteLength, end, file };
  }

  async remove(number: number): Promise<void> {
    await this.#files.remove(this.#pathOf(number));
  }

  async #removeUnlessItCounts(name: string): Promise<void> {
    const { first, newest } = this.#range;
    const path = join(this.#directory, name);
    const number = SEGMENT_NAME.test(name) ? Number.parseInt(name, 10) : undefined;
    if (PARTIAL_NAME.test(name)) await this.#files.remove(path);
    else if (number === undefined) return;
    else if (number < first.number) await this.#files.remove(path);
    else if (number > (newest?.number ?? 0)) {
      // A crash came before the manifest named this segment.
      if (!isZero(await this.#files.read(path)))
        throw new DamagedLogError(`${name} holds what is not known of`);
      await this.#files.remove(path);
    }
  }

  #pathOf(number: number): string {
    return join(this.#directory, nameOf(number));
  }
}

function missing(number: number): DamagedLogError {
  return new DamagedLogError(`${nameOf(number)} is missing`);
}

export function nameOf(number: number): string {
  return `${String(number).padStart(8, '0')}.segment`;
}
