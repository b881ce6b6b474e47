/**
 * The snapshots of one server, a file each: the newest, the one before it, and those that are being written.
 *
 * Which one counts is written in the log's database, never told from the files; so a file is complete and on the disk
 * before anything refers to it, and what nothing refers to is removed at the next start.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogPosition, SnapshotMeta } from '../raft/types.js';
import { SnapshotCheck, SnapshotError } from './snapshot-format.js';

/** A snapshot of this server's own, while it is being written. */
export const OWN_PARTIAL_NAME = 'own.partial';
const RECEIVED_NAME = 'received.partial';

const READ_BYTES = 1024 * 1024;

/** A file's data is synced this often while it is written: others wait while a sync has much to do. */
const SYNC_EVERY_BYTES = 1024 * 1024;

/** A file that is written front to back and then gets its name. */
export class PartialFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #fsync: boolean;
  #byteLength = 0;
  #unsyncedBytes = 0;
  #isOpen = true;

  private constructor(path: string, file: FileHandle, fsync: boolean) {
    this.#path = path;
    this.#file = file;
    this.#fsync = fsync;
  }

  /** Makes an empty file, in place of one that was there. */
  static async create(path: string, { fsync }: { readonly fsync: boolean }): Promise<PartialFile> {
    return new PartialFile(path, await open(path, 'w'), fsync);
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < bytes.byteLength) {
      const { bytesWritten } = await this.#file.write(bytes, offset);
      offset += bytesWritten;
    }
    this.#byteLength += bytes.byteLength;
    this.#unsyncedBytes += bytes.byteLength;
    if (this.#unsyncedBytes >= SYNC_EVERY_BYTES) await this.sync();
  }

  /** Everything written survives a crash once this resolves; unless the server does without that. */
  async sync(): Promise<void> {
    this.#unsyncedBytes = 0;
    if (this.#fsync) await this.#file.datasync();
  }

  /** The file is complete: from now on, also after a crash, it is `path`, and what was there before is gone. */
  async publish(path: string): Promise<void> {
    if (this.#fsync) await this.#file.sync();
    await this.close();
    await rename(this.#path, path);
    if (this.#fsync) await syncDirectory(join(path, '..'));
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.#path, { force: true });
  }

  /** Nothing more will be written. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }
}

/** A new name in a directory survives a crash once the directory is synced. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

interface KeptSnapshot {
  readonly meta: SnapshotMeta;
  readonly path: string;
  /** Opened when it is first read from. */
  descriptor: number | undefined;
}

export class SnapshotFiles {
  readonly #directory: string;
  readonly #fsync: boolean;
  #newest: KeptSnapshot | undefined;
  /** Still there for a follower that has got a part of it. */
  #previous: KeptSnapshot | undefined;
  #own: PartialFile | undefined;
  #received: { readonly file: PartialFile; readonly check: SnapshotCheck } | undefined;

  private constructor(directory: string, fsync: boolean, newest: SnapshotMeta | undefined) {
    this.#directory = directory;
    this.#fsync = fsync;
    this.#newest = newest === undefined ? undefined : this.#keep(newest);
  }

  /**
   * @param newest the one that counts; all other files are removed
   * Rejects with {@link SnapshotError} when its file is not there or has another length.
   */
  static async open(
    directory: string,
    { fsync, newest }: { readonly fsync: boolean; readonly newest: SnapshotMeta | undefined },
  ): Promise<SnapshotFiles> {
    await mkdir(directory, { recursive: true });
    const name = newest === undefined ? undefined : nameOf(newest);
    for (const other of await readdir(directory)) {
      if (other !== name) await rm(join(directory, other));
    }
    if (newest !== undefined) await checkLength(join(directory, nameOf(newest)), newest.byteLength);
    return new SnapshotFiles(directory, fsync, newest);
  }

  get newest(): SnapshotMeta | undefined {
    return this.#newest?.meta;
  }

  /** A file for a snapshot of this server's own. There is one at a time. */
  async create(): Promise<PartialFile> {
    this.#own = await PartialFile.create(join(this.#directory, OWN_PARTIAL_NAME), { fsync: this.#fsync });
    return this.#own;
  }

  /** Puts a complete file where {@link accept} will look for it. */
  publish(file: PartialFile, position: LogPosition): Promise<void> {
    return file.publish(join(this.#directory, nameOf(position)));
  }

  /** The snapshot's file is published and recorded: it is the newest from now on. */
  async accept(meta: SnapshotMeta): Promise<void> {
    const outdated = this.#previous;
    this.#previous = this.#newest;
    this.#newest = this.#keep(meta);
    if (outdated === undefined) return;
    if (outdated.descriptor !== undefined) closeSync(outdated.descriptor);
    await rm(outdated.path, { force: true });
  }

  /**
   * The next bytes of a snapshot that another server sends; `offset` 0 starts it anew. Until all of it is there, a
   * crash loses it. Rejects with {@link SnapshotError} when they do not follow the ones before.
   */
  async receive(offset: number, data: Uint8Array): Promise<void> {
    if (offset === 0) {
      await this.#received?.file.discard();
      const file = await PartialFile.create(join(this.#directory, RECEIVED_NAME), { fsync: this.#fsync });
      this.#received = { file, check: new SnapshotCheck() };
    }
    if (this.#received?.file.byteLength !== offset)
      throw new SnapshotError(`bytes at ${offset} do not follow the ones before`);
    this.#received.check.push(data);
    await this.#received.file.write(data);
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

  /** Up to `maxBytes` of the snapshot at `position`, if it is one of those that are kept. */
  read(position: LogPosition, offset: number, maxBytes: number): Uint8Array | undefined {
    const kept = [this.#newest, this.#previous].find(
      (one) => one?.meta.index === position.index && one.meta.term === position.term,
    );
    if (kept === undefined) return undefined;
    kept.descriptor ??= openSync(kept.path, 'r');
    const bytes = new Uint8Array(Math.max(0, Math.min(maxBytes, kept.meta.byteLength - offset)));
    let got = 0;
    while (got < bytes.byteLength) {
      const count = readSync(kept.descriptor, bytes, got, bytes.byteLength - got, offset + got);
      if (count === 0) throw new SnapshotError(`${kept.path} ends at ${offset + got}`);
      got += count;
    }
    return bytes;
  }

  /** The image in the newest snapshot, in pieces. Rejects with {@link SnapshotError} when it is damaged. */
  image(): AsyncIterable<Uint8Array> {
    if (this.#newest === undefined) throw new TypeError('there is no snapshot');
    return readSnapshotFile(this.#newest.path);
  }

  async close(): Promise<void> {
    await this.#own?.close();
    await this.#received?.file.close();
    for (const kept of [this.#newest, this.#previous])
      if (kept?.descriptor !== undefined) closeSync(kept.descriptor);
  }

  #keep(meta: SnapshotMeta): KeptSnapshot {
    return { meta, path: join(this.#directory, nameOf(meta)), descriptor: undefined };
  }
}

/**
 * The image in a snapshot's file, in pieces, each of which is overwritten when the next one is asked for. Rejects with
 * {@link SnapshotError} at its end if it is damaged.
 */
export async function* readSnapshotFile(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const buffer = new Uint8Array(READ_BYTES);
    let pieces: Uint8Array[] = [];
    const check = new SnapshotCheck((piece) => pieces.push(piece));
    while (true) {
      const { bytesRead } = await file.read(buffer);
      if (bytesRead === 0) break;
      check.push(buffer.subarray(0, bytesRead));
      yield* pieces;
      pieces = [];
    }
    check.end();
  } finally {
    await file.close();
  }
}

function nameOf({ index, term }: LogPosition): string {
  return `${index}-${term}.snapshot`;
}

async function checkLength(path: string, byteLength: number): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new SnapshotError(`${path} is missing`);
  if (found.size !== byteLength)
    throw new SnapshotError(`${path} has ${found.size} bytes, not ${byteLength}`);
}
