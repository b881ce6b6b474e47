/** A file that is written front to back and then gets its name: a crash leaves all of it there, or nothing. */

import { dirname } from 'node:path';
import { type DataFile, type Files, writeWhole } from './files.js';
import type { ShortageRetries } from './shortage-retries.js';

/** A file's data is synced this often while it is written: others wait while a sync has much to do. */
const SYNC_EVERY_BYTES = 1024 * 1024;

export interface PartialFileOptions {
  /** Whether it survives the end of the machine, too. */
  readonly fsync: boolean;
}

export class PartialFile {
  readonly #files: Files;
  readonly #path: string;
  readonly #file: DataFile;
  readonly #fsync: boolean;
  #byteLength = 0;
  #unsyncedBytes = 0;
  #isOpen = true;

  private constructor(files: Files, path: string, file: DataFile, { fsync }: PartialFileOptions) {
    this.#files = files;
    this.#path = path;
    this.#file = file;
    this.#fsync = fsync;
  }

  /** Makes an empty file, which replaces a file of that name. */
  static async create(files: Files, path: string, options: PartialFileOptions): Promise<PartialFile> {
    return new PartialFile(files, path, await files.create(path), options);
  }

  /** Goes on with a file of that name, after its first bytes: what is there after them is overwritten. */
  static async reopen(
    files: Files,
    path: string,
    { byteLength, ...options }: PartialFileOptions & { readonly byteLength: number },
  ): Promise<PartialFile> {
    const file = new PartialFile(files, path, await files.open(path, 'read and write'), options);
    file.#byteLength = byteLength;
    return file;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** Appends the bytes. With `retries`, a shortage is waited for, except in the sync that is done now and then. */
  async write(bytes: Uint8Array, retries?: ShortageRetries): Promise<void> {
    const position = this.#byteLength;
    const writeAll = () => writeWhole(this.#file, bytes, position);
    await (retries === undefined ? writeAll() : retries.retry(writeAll));
    this.#byteLength += bytes.byteLength;
    this.#unsyncedBytes += bytes.byteLength;
    if (this.#unsyncedBytes >= SYNC_EVERY_BYTES) await this.#syncData();
  }

  /** The file is complete: from now on, also after a crash, it is `path`, and what was there before is gone. */
  async publish(path: string): Promise<void> {
    if (this.#fsync) await this.#file.sync();
    await this.close();
    await this.#files.rename(this.#path, path);
    if (this.#fsync) await this.#files.syncDirectory(dirname(path));
  }

  async discard(): Promise<void> {
    await this.close();
    await this.#files.remove(this.#path);
  }

  /** Nothing more will be written. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }

  /** Has what was written so far survive. */
  async settle(): Promise<void> {
    await this.#syncData();
  }

  async #syncData(): Promise<void> {
    this.#unsyncedBytes = 0;
    if (this.#fsync) await this.#file.datasync();
  }
}
