/**
 * The files of the operating system.
 *
 * On Linux a write to the log is synced by itself (O_DSYNC). Where the file system is known to sync direct writes (O_DIRECT),
 * it also goes from our memory to the disk, past the page cache: that takes three quarters of the time, and half the CPU time.
 * The disk wants whole sectors for it, from memory that begins where a sector could.
 */

import { closeSync, constants, openSync, readSync, write } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import {
  type DataFile,
  type FileLock,
  type Files,
  type LogFile,
  type LogFileOptions,
  ShortWriteError,
} from './files.js';
import { PageMemory } from './page-memory.js';

export const NODE_FILES: Files = {
  create: async (path) => dataFileOf(await open(path, 'w')),
  open: async (path, access) => dataFileOf(await open(path, access === 'read' ? 'r' : 'r+')),
  openBlocking: (path) => {
    const descriptor = openSync(path, 'r');
    return {
      read: (bytes, position) => readSync(descriptor, bytes, 0, bytes.byteLength, position),
      close: () => closeSync(descriptor),
    };
  },
  openLog: (path, options) => NodeLogFile.open(path, options),
  logMemory: () => new PageMemory(),
  read: (path) => readFile(path),
  size: async (path) => (await stat(path)).size,
  list: async (directory) => (await readdir(directory)).sort(),
  makeDirectory: (path) => mkdir(path, { recursive: true }),
  remove: (path) => rm(path, { force: true }),
  removeTree: (path) => rm(path, { recursive: true, force: true }),
  rename,
  syncDirectory,
  lock,
};

function dataFileOf(file: FileHandle): DataFile {
  return {
    write: async (bytes, position) => (await file.write(bytes, 0, bytes.byteLength, position)).bytesWritten,
    read: async (bytes, position) => (await file.read(bytes, 0, bytes.byteLength, position)).bytesRead,
    datasync: () => file.datasync(),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * By an open file description's lock (Linux) or flock (macOS): the kernel drops it with the last descriptor, so that a
 * process that was only stopped keeps it. The package is loaded here alone: a server's thread needs no lock.
 */
async function lock(path: string): Promise<FileLock | undefined> {
  const { tryLock } = await import('fs-native-extensions');
  const file = await open(path, 'a');
  try {
    if (tryLock(file.fd)) return { release: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

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

class NodeLogFile implements LogFile {
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

  static async open(path: string, options: LogFileOptions): Promise<NodeLogFile> {
    if (!options.fsync) return new NodeLogFile(path, options, await open(path, constants.O_RDWR), false);
    if (DIRECT_FLAG !== 0 && DIRECT_FILE_SYSTEMS.has((await statfs(path)).type)) {
      try {
        return new NodeLogFile(path, options, await openSyncing(path, DIRECT_FLAG), true);
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    return new NodeLogFile(path, options, await openSyncing(path), false);
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    try {
      await writeAtOnce(this.#file, bytes, position);
    } catch (error) {
      if (!this.#isDirect || !isRefusal(error)) throw error;
      await this.#goThroughPageCache();
      await writeAtOnce(this.#file, bytes, position);
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
function writeAtOnce(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    write(file.fd, bytes, 0, bytes.byteLength, position, (error, byteCount) => {
      if (error !== null) reject(error);
      else if (byteCount === bytes.byteLength) resolve();
      else reject(new ShortWriteError(byteCount, bytes.byteLength));
    });
  });
}
