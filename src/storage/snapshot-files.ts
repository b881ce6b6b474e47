/**
 * The snapshots of one server, a file each: the newest, the one before it, and those that are being written.
 *
 * Which one counts is written in the manifest, never told from the files; so a file is complete and on the disk
 * before anything refers to it, and what nothing refers to is removed at the next start.
 */

import { join } from 'node:path';
import type { LogPosition, SnapshotMeta } from '../raft/types.js';
import type { DataFile, Files } from './files.js';
import { PartialFile, type PartialFileOptions } from './partial-file.js';
import { isShortage, type ShortageRetries } from './shortage-retries.js';
import { SnapshotCheck, SnapshotError } from './snapshot-format.js';
import { systemCodeOf } from './system-errors.js';

/** A snapshot of this server's own, while it is being written. */
export const OWN_PARTIAL_NAME = 'own.partial';
const RECEIVED_NAME = 'received.partial';

const READ_BYTES = 1024 * 1024;

interface KeptSnapshot {
  readonly meta: SnapshotMeta;
  readonly path: string;
  /** Opened when it is first read from. */
  file: Promise<DataFile> | undefined;
}

export interface SnapshotFilesOptions extends PartialFileOptions {
  readonly files: Files;
  /** The snapshot that counts; all other files are removed. */
  readonly newest: SnapshotMeta | undefined;
  /** Used while a snapshot is received. */
  readonly retries: ShortageRetries;
}

export class SnapshotFiles {
  readonly #files: Files;
  readonly #directory: string;
  readonly #fsync: boolean;
  readonly #retries: ShortageRetries;
  #newest: KeptSnapshot | undefined;
  /** The snapshot before the newest, kept for a follower that has received a part of it. */
  #previous: KeptSnapshot | undefined;
  /** Files of snapshots that are being closed. */
  #closing: Promise<unknown> = Promise.resolve();
  #own: PartialFile | undefined;
  #received: { readonly file: PartialFile; readonly check: SnapshotCheck } | undefined;

  private constructor(directory: string, { files, fsync, newest, retries }: SnapshotFilesOptions) {
    this.#files = files;
    this.#retries = retries;
    this.#directory = directory;
    this.#fsync = fsync;
    this.#newest = newest === undefined ? undefined : this.#keep(newest);
  }

  /** Rejects with {@link SnapshotError} when the file of the newest is not there or has another length. */
  static async open(directory: string, options: SnapshotFilesOptions): Promise<SnapshotFiles> {
    const { files, newest } = options;
    const name = newest === undefined ? undefined : nameOf(newest);
    for (const other of await files.list(directory)) {
      if (other !== name) await files.remove(join(directory, other));
    }
    if (newest !== undefined) await checkLength(files, join(directory, nameOf(newest)), newest.byteLength);
    return new SnapshotFiles(directory, options);
  }

  get newest(): SnapshotMeta | undefined {
    return this.#newest?.meta;
  }

  /** A file for a snapshot of this server's own. There is one at a time. */
  async create(): Promise<PartialFile> {
    this.#own = await this.#createPartial(OWN_PARTIAL_NAME);
    return this.#own;
  }

  /** Puts a complete file where {@link accept} will look for it. When this rejects, it is not there. */
  async publish(file: PartialFile, position: LogPosition): Promise<void> {
    const path = join(this.#directory, nameOf(position));
    try {
      await file.publish(path);
    } catch (error) {
      await this.#files.remove(path).catch(() => undefined);
      throw error;
    }
  }

  /** The snapshot's file is published and recorded: it is the newest from now on. */
  async accept(meta: SnapshotMeta): Promise<void> {
    const outdated = this.#previous;
    this.#previous = this.#newest;
    this.#newest = this.#keep(meta);
    if (outdated === undefined) return;
    this.#close(outdated);
    await this.#files.remove(outdated.path).catch((error: unknown) => {
      // It goes at the next start.
      if (!isShortage(error)) throw error;
    });
  }

  /**
   * The next bytes of a snapshot that another server sends; `offset` 0 starts it anew. Until all of it is there, a
   * crash loses it. Rejects with {@link SnapshotError} when they do not follow the ones before.
   */
  async receive(offset: number, data: Uint8Array): Promise<void> {
    if (offset === 0) {
      await this.#received?.file.discard();
      const file = await this.#retries.retry(() => this.#createPartial(RECEIVED_NAME));
      this.#received = { file, check: new SnapshotCheck() };
    }
    if (this.#received?.file.byteLength !== offset)
      throw new SnapshotError(`bytes at ${offset} do not follow the ones before`);
    this.#received.check.push(data);
    await this.#received.file.write(data, this.#retries);
  }

  /** What was received is the whole snapshot: publishes it. Rejects with {@link SnapshotError} when it is not. */
  async publishReceived(meta: SnapshotMeta): Promise<void> {
    const received = this.#received;
    if (received?.file.byteLength !== meta.byteLength)
      throw new SnapshotError('a snapshot of another length was received');
    received.check.end();
    await this.publish(received.file, meta);
    this.#received = undefined;
  }

  /** Up to `maxBytes` of the snapshot at `position`, if that is kept. Rejects with {@link SnapshotError} if it is too short. */
  async read(position: LogPosition, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    const kept = this.#kept.find(({ meta }) => meta.index === position.index && meta.term === position.term);
    if (kept === undefined) return undefined;
    const bytes = new Uint8Array(Math.max(0, Math.min(maxBytes, kept.meta.byteLength - offset)));
    try {
      const file = await this.#fileOf(kept);
      for (let got = 0; got < bytes.byteLength; ) {
        const count = await file.read(bytes.subarray(got), offset + got);
        if (count === 0) throw new SnapshotError(`${kept.path} ends at ${offset + got}`);
        got += count;
      }
    } catch (error) {
      // Its file was removed meanwhile.
      if (!this.#kept.includes(kept)) return undefined;
      throw error;
    }
    return bytes;
  }

  /** The image in the newest snapshot, in pieces. Rejects with {@link SnapshotError} when it is damaged. */
  image(): AsyncIterable<Uint8Array> {
    if (this.#newest === undefined) throw new TypeError('there is no snapshot');
    return readSnapshotFile(this.#files, this.#newest.path);
  }

  async close(): Promise<void> {
    await this.#own?.close();
    await this.#received?.file.close();
    for (const kept of this.#kept) this.#close(kept);
    await this.#closing;
  }

  /** The newest, and the one before it. */
  get #kept(): readonly KeptSnapshot[] {
    return [this.#newest, this.#previous].filter((kept) => kept !== undefined);
  }

  #fileOf(kept: KeptSnapshot): Promise<DataFile> {
    kept.file ??= this.#files.open(kept.path, 'read').catch((error: unknown) => {
      kept.file = undefined;
      throw error;
    });
    return kept.file;
  }

  /** Closes its file, if that is open, once nobody reads from it: a read may hang, which nobody waits for here. */
  #close({ file }: KeptSnapshot): void {
    if (file !== undefined)
      this.#closing = Promise.allSettled([this.#closing, file.then((open) => open.close())]);
  }

  #createPartial(name: string): Promise<PartialFile> {
    return PartialFile.create(this.#files, join(this.#directory, name), { fsync: this.#fsync });
  }

  #keep(meta: SnapshotMeta): KeptSnapshot {
    return { meta, path: join(this.#directory, nameOf(meta)), file: undefined };
  }
}

/**
 * The image in a snapshot's file, in pieces, each of which is overwritten when the next one is asked for. Rejects with
 * {@link SnapshotError} at its end if it is damaged.
 */
export async function* readSnapshotFile(files: Files, path: string): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  const check = new SnapshotCheck((piece) => pieces.push(piece));
  for await (const bytes of filePieces(files, path)) {
    check.push(bytes);
    yield* pieces;
    pieces = [];
  }
  check.end();
}

/** All of a file, in pieces, each of which is overwritten when the next one is asked for. */
async function* filePieces(files: Files, path: string): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, 'read');
  try {
    const buffer = new Uint8Array(READ_BYTES);
    for (let position = 0; ; ) {
      const count = await file.read(buffer, position);
      if (count === 0) break;
      position += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}

function nameOf({ index, term }: LogPosition): string {
  return `${index}-${term}.snapshot`;
}

async function checkLength(files: Files, path: string, byteLength: number): Promise<void> {
  const size = await files.size(path).catch((cause: unknown) => {
    throw systemCodeOf(cause) === 'ENOENT' ? new SnapshotError(`${path} is missing`) : cause;
  });
  if (size !== byteLength) throw new SnapshotError(`${path} has ${size} bytes, not ${byteLength}`);
}
