/**
 * The files of the operating system.
 *
 * On Linux a write to the log is synced by itself (O_DSYNC). Where the file system is known to sync direct writes (O_DIRECT),
 * it also goes from our memory to the disk, past the page cache: that takes three quarters of the time, and half the CPU time.
 * The disk wants whole sectors for it, from memory that begins where a sector could.
 *
 * All calls are those with a callback. A server's thread may be terminated at any moment, and Node 20 aborts the whole process
 * when that is the one in which a call of node:fs/promises begins or ends (`Assertion failed: (req_wrap_async) != nullptr`). A
 * descriptor that such a thread had open is closed with it.
 */

import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  type DataFile,
  type FileLock,
  type Files,
  type LogFile,
  type LogFileOptions,
  ShortWriteError,
} from './files.js';
import { PageMemory } from './page-memory.js';
import { systemCodeOf } from './system-errors.js';

const open = promisify(fs.open);
const close = promisify(fs.close);
const read = promisify(fs.read);
const writeSome = promisify(fs.write);
const sync = promisify(fs.fsync);
const datasync = promisify(fs.fdatasync);
const readFile = promisify(fs.readFile);
const stat = promisify(fs.stat);
const statfs = promisify(fs.statfs);
const readdir = promisify(fs.readdir);
const makeDirectory = promisify(fs.mkdir);
const remove = promisify(fs.rm);
const rename = promisify(fs.rename);

/** Files and directories that are made are for whoever runs the program alone: they hold clients' values. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export const NODE_FILES: Files = {
  create: async (path) => dataFileOf(await open(path, 'w', FILE_MODE)),
  open: async (path, access) => dataFileOf(await open(path, access === 'read' ? 'r' : 'r+')),
  openLog: (path, options) => NodeLogFile.open(path, options),
  logMemory: () => new PageMemory(),
  read: (path) => readFile(path),
  size: async (path) => (await stat(path)).size,
  list: async (directory) => (await readdir(directory)).sort(),
  makeDirectory: (path) => makeDirectoryAndParents(resolve(path)),
  remove: (path) => remove(path, { force: true }),
  removeTree: (path) => remove(path, { recursive: true, force: true }),
  rename,
  syncDirectory,
  lock,
};

/** A descriptor of no file: every call with it fails with EBADF. */
const CLOSED = 2 ** 31 - 1;

/** An open file's number, which may be another file's once it is closed: until then, and no longer, calls are given it. */
class Descriptor {
  #number: number;
  #calls = 0;
  #onIdle: (() => void) | undefined;

  constructor(number: number) {
    this.#number = number;
  }

  get number(): number {
    return this.#number;
  }

  async use<T>(call: (number: number) => Promise<T>): Promise<T> {
    this.#calls += 1;
    try {
      return await call(this.#number);
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0) this.#onIdle?.();
    }
  }

  /** Closes it once no call uses it any more. Nothing happens when it is closed already. */
  async close(): Promise<void> {
    const number = this.#number;
    this.#number = CLOSED;
    if (number === CLOSED) return;
    if (this.#calls > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    await close(number);
  }
}

function dataFileOf(number: number): DataFile {
  const file = new Descriptor(number);
  return {
    write: async (bytes, position) =>
      (await file.use((fd) => writeSome(fd, bytes, 0, bytes.byteLength, position))).bytesWritten,
    read: async (bytes, position) =>
      (await file.use((fd) => read(fd, bytes, 0, bytes.byteLength, position))).bytesRead,
    datasync: () => file.use(datasync),
    sync: () => file.use(sync),
    close: () => file.close(),
  };
}

/**
 * Resolves to the topmost directory that was made; to undefined when none had to be. Node's own recursion says ENOENT where a
 * file system is read-only, and leaves the reason out.
 */
async function makeDirectoryAndParents(path: string): Promise<string | undefined> {
  try {
    return await makeOneDirectory(path);
  } catch (error) {
    const parent = dirname(path);
    if (systemCodeOf(error) !== 'ENOENT' || parent === path) throw error;
    const topmostMade = await makeDirectoryAndParents(parent);
    const made = await makeOneDirectory(path);
    return topmostMade ?? made;
  }
}

/** Resolves to its path, or to undefined when it was there. */
async function makeOneDirectory(path: string): Promise<string | undefined> {
  try {
    await makeDirectory(path, DIRECTORY_MODE);
    return path;
  } catch (error) {
    const isThere = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isThere) return undefined;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const descriptor = await open(path, 'r');
  try {
    await sync(descriptor);
  } finally {
    await close(descriptor);
  }
}

/**
 * By an open file description's lock (Linux) or flock (macOS): the kernel drops it with the last descriptor, so that a
 * process that was only stopped keeps it. The package is loaded here alone: a server's thread needs no lock.
 */
async function lock(path: string): Promise<FileLock | undefined> {
  const { tryLock } = await import('fs-native-extensions');
  const file = new Descriptor(await open(path, 'a', FILE_MODE));
  try {
    if (tryLock(file.number)) return { release: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

/** Writes and syncs in one call. Elsewhere the flag is missing, or leaves the bytes in the disk's own cache. */
const SYNCING_FLAG = process.platform === 'linux' ? fs.constants.O_DSYNC : 0;
const DIRECT_FLAG = process.platform === 'linux' ? fs.constants.O_DIRECT : 0;

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
  #descriptor: Descriptor;
  #isDirect: boolean;

  private constructor(path: string, { fsync }: LogFileOptions, descriptor: number, isDirect: boolean) {
    this.#path = path;
    this.#fsync = fsync;
    this.#descriptor = new Descriptor(descriptor);
    this.#isDirect = isDirect;
  }

  static async open(path: string, options: LogFileOptions): Promise<NodeLogFile> {
    if (!options.fsync) return new NodeLogFile(path, options, await open(path, fs.constants.O_RDWR), false);
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
      await writeAtOnce(this.#descriptor.number, bytes, position);
    } catch (error) {
      if (!this.#isDirect || !isRefusal(error)) throw error;
      await this.#goThroughPageCache();
      await writeAtOnce(this.#descriptor.number, bytes, position);
    }
    if (this.#fsync && SYNCING_FLAG === 0) await datasync(this.#descriptor.number);
  }

  async close(): Promise<void> {
    await this.#descriptor.close();
  }

  async #goThroughPageCache(): Promise<void> {
    const descriptor = new Descriptor(await openSyncing(this.#path));
    const before = this.#descriptor;
    this.#descriptor = descriptor;
    this.#isDirect = false;
    await before.close();
  }
}

function openSyncing(path: string, moreFlags = 0): Promise<number> {
  return open(path, fs.constants.O_RDWR | SYNCING_FLAG | moreFlags);
}

function isRefusal(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === REFUSAL_CODE;
}

/** Apart from `writeSome`, which makes an object for each result. */
function writeAtOnce(descriptor: number, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.write(descriptor, bytes, 0, bytes.byteLength, position, (error, byteCount) => {
      if (error !== null) reject(error);
      else if (byteCount === bytes.byteLength) resolve();
      else reject(new ShortWriteError(byteCount, bytes.byteLength));
    });
  });
}
