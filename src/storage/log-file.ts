/**
 * A file of the log, and the memory that is written to it.
 *
 * On Linux a write is synced by itself (O_DSYNC). Where the file system is known to sync direct writes (O_DIRECT), it also
 * goes from our memory to the disk, past the page cache: that takes three quarters of the time, and half the CPU time. The
 * disk wants whole sectors for it, from memory that begins where a sector could.
 */

import { constants, write } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';

/** Writes and syncs in one call. Elsewhere the flag is missing, or leaves the bytes in the disk's own cache. */
const SYNCING_FLAG = process.platform === 'linux' ? constants.O_DSYNC : 0;
const DIRECT_FLAG = process.platform === 'linux' ? constants.O_DIRECT : 0;

/**
 * The types, as statfs(2) tells them, of ext4 and XFS. Others may take the two flags together, and sync nothing (some
 * network file systems), or go through the page cache all the same and take longer (btrfs).
 */
const DIRECT_FILE_SYSTEMS = new Set([0xef53, 0x58465342]);

/** What such a file system says where the disk has larger sectors than ours, or the memory begins elsewhere. */
const REFUSAL_CODE = 'EINVAL';

export interface LogFileOptions {
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
}

export class LogFile {
  readonly #path: string;
  readonly #fsync: boolean;
  #file: FileHandle;
  #isDirect: boolean;

  private constructor(path: string, { fsync }: LogFileOptions, file: FileHandle, isDirect: boolean) {
    this.#path = path;
    this.#fsync = fsync;
    this.#file = file;
    this.#isDirect = isDirect;
  }

  /** Opens a file that is there. */
  static async open(path: string, options: LogFileOptions): Promise<LogFile> {
    if (!options.fsync) return new LogFile(path, options, await open(path, constants.O_RDWR), false);
    if (DIRECT_FLAG !== 0 && DIRECT_FILE_SYSTEMS.has((await statfs(path)).type)) {
      try {
        return new LogFile(path, options, await openSyncing(path, DIRECT_FLAG), true);
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    return new LogFile(path, options, await openSyncing(path), false);
  }

  /** Resolves once the bytes are where they survive a crash; they are not changed meanwhile. One call at a time. */
  async write(bytes: Buffer, position: number): Promise<void> {
    try {
      await writeWhole(this.#file, bytes, position);
    } catch (error) {
      if (!this.#isDirect || !isRefusal(error)) throw error;
      await this.#goThroughPageCache();
      await writeWhole(this.#file, bytes, position);
    }
    if (this.#fsync && SYNCING_FLAG === 0) await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #goThroughPageCache(): Promise<void> {
    const file = await openSyncing(this.#path);
    const before = this.#file;
    this.#file = file;
    this.#isDirect = false;
    await before.close();
  }
}

function openSyncing(path: string, moreFlags = 0): Promise<FileHandle> {
  return open(path, constants.O_RDWR | SYNCING_FLAG | moreFlags);
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === REFUSAL_CODE;
}

/** With a callback: the promise of FileHandle.write costs several times as much. */
export function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    write(file.fd, bytes, 0, bytes.byteLength, position, (error, byteCount) => {
      if (error !== null) reject(error);
      else if (byteCount === bytes.byteLength) resolve();
      else reject(new Error(`only ${byteCount} of ${bytes.byteLength} bytes were written`));
    });
  });
}

const INITIAL_BYTES = 256 * 1024;

/** Memory that begins where a page does. It grows with what is asked for, and stays. */
export class PageMemory {
  #bytes = allocateAtPage(INITIAL_BYTES);

  /** Valid until it is asked for again. */
  take(byteLength: number): Buffer {
    const room = this.#bytes.byteLength;
    if (byteLength > room) this.#bytes = allocateAtPage(Math.max(byteLength, 2 * room));
    return this.#bytes.subarray(0, byteLength);
  }
}

/** Of WebAssembly; a multiple of the pages that processors have. */
const PAGE_BYTES = 64 * 1024;

/**
 * Node lets nobody choose where a Buffer is; the memory of WebAssembly always begins at a page. It reserves gigabytes of
 * address space, and Node may have been told to do without: then it is any memory, and goes through the page cache.
 */
function allocateAtPage(byteLength: number): Buffer {
  try {
    return Buffer.from(new WebAssembly.Memory({ initial: Math.ceil(byteLength / PAGE_BYTES) }).buffer);
  } catch {
    return Buffer.allocUnsafeSlow(byteLength);
  }
}
