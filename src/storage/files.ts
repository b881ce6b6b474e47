/**
 * What storage asks of a file system. The real one is node-files.ts; the simulator has one that forgets what was not synced,
 * sector by sector.
 *
 * What survives:
 *
 * - The end of a thread or of the process: whatever a call did that has resolved. Of a call under way all is done, or a first
 *   part of it, or nothing, and its result is never delivered.
 * - The end of the machine, bytes: those that were written before a `datasync` or `sync` of the file began that has resolved,
 *   and those of a log's synced write that has resolved. Of all others each sector of 512 bytes is as it was at any time
 *   since: a write may be torn, and the sectors of several writes may be mixed.
 * - The end of the machine, names: a file or directory that was created, renamed or removed is so for good once
 *   {@link Files.syncDirectory} of the directory that has the name has resolved. Until then each of these changes is kept or
 *   forgotten by itself. A rename is kept or forgotten as a whole. A name that is kept says nothing of the file's bytes.
 * - A sync that fails: what was written before may be lost, although reads still show it, and a later sync that succeeds does
 *   not bring it back. It has to be written again.
 *
 * Every call rejects, or throws, with an error that has the operating system's `code` (ENOENT, EIO, ENOSPC ...) and `syscall`.
 */

export interface Files {
  /** Makes an empty file to write to. It replaces a file of that name. */
  create(path: string): Promise<DataFile>;

  /** A file that is there. */
  open(path: string, access: FileAccess): Promise<DataFile>;

  /** A file of the log that is there and has its full length. */
  openLog(path: string, options: LogFileOptions): Promise<LogFile>;

  /** Memory to write a log's file from, for one writer. */
  logMemory(): LogMemory;

  /** The whole file. */
  read(path: string): Promise<Buffer>;

  /** In bytes. */
  size(path: string): Promise<number>;

  /** The names in a directory, in an order that depends on nothing but them. */
  list(directory: string): Promise<readonly string[]>;

  /**
   * Makes the directory, and those above it that are missing. Resolves to the topmost that was made, undefined when it was
   * there.
   */
  makeDirectory(path: string): Promise<string | undefined>;

  /** Removes a file. Nothing happens when it is not there. */
  remove(path: string): Promise<void>;

  /** Removes a file, or a directory with all that is in it. Nothing happens when it is not there. */
  removeTree(path: string): Promise<void>;

  /** Gives a file or directory another name. A file that has it is gone, and so is an empty directory. */
  rename(from: string, to: string): Promise<void>;

  /** Has the names in the directory survive the end of the machine. */
  syncDirectory(path: string): Promise<void>;

  /**
   * Locks a file, made when missing, against every other holder, in this process and others; undefined when another one
   * has it. The kernel releases the lock when the process ends, however that ends, and at no other time.
   */
  lock(path: string): Promise<FileLock | undefined>;
}

export type FileAccess = 'read' | 'read and write';

export interface DataFile {
  /** Resolves to how many of the bytes were written: the first ones, fewer than all when the disk is nearly full. */
  write(bytes: Uint8Array, position: number): Promise<number>;

  /** Resolves to how many bytes were read, into the first ones: 0 at the end of the file. */
  read(bytes: Uint8Array, position: number): Promise<number>;

  /** Has the bytes survive, and the file's length as far as they need it. */
  datasync(): Promise<void>;

  /** Has the bytes and everything else about the file survive. */
  sync(): Promise<void>;

  close(): Promise<void>;
}

export interface LogFileOptions {
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
}

/** A file that is written in whole sectors of 512 bytes, inside of its length. */
export interface LogFile {
  /**
   * Resolves once all of the bytes survive the end of the machine or, without `fsync`, that of the process. They are not
   * changed meanwhile. One call at a time. Rejects, too, when fewer bytes were written.
   */
  write(bytes: Buffer, position: number): Promise<void>;

  close(): Promise<void>;
}

/** It grows with what is asked for, and stays. */
export interface LogMemory {
  /** Memory of this length, valid until the next call. */
  take(byteLength: number): Buffer;
}

export interface FileLock {
  release(): Promise<void>;
}

/** Writes all of the bytes. Rejects when the disk takes no more of them. */
export async function writeWhole(file: DataFile, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const count = await file.write(bytes.subarray(done), position + done);
    if (count === 0) throw new ShortWriteError(done, bytes.byteLength);
    done += count;
  }
}

/** The operating system took fewer bytes than it was given, and did not say why. */
export class ShortWriteError extends Error {
  readonly code = 'SHORT_WRITE';
  readonly syscall = 'write';

  constructor(written: number, wanted: number) {
    super(`only ${written} of ${wanted} bytes were written`);
    this.name = 'ShortWriteError';
  }
}
