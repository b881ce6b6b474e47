/**
 * A backup is one snapshot in a file. A new cluster can be made of it, each of whose servers starts from that snapshot
 * as if everything in it had been the first entry of their logs.
 */

import { createReadStream } from 'node:fs';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ImageReader } from '../state-machine/image.js';
import { DataDirectory, DataDirectoryError } from './data-directory.js';
import { DiskStorage } from './disk-storage.js';
import { NODE_FILES } from './node-files.js';
import { PartialFile } from './partial-file.js';
import { readSnapshotFile } from './snapshot-files.js';
import { SnapshotCheck } from './snapshot-format.js';

const READ_BYTES = 1024 * 1024;
const FIRST_ENTRY = { index: 1, term: 1 };

export interface BackupFacts {
  readonly keys: number;
  readonly byteLength: number;
}

/** The file cannot be written, or cannot be read as a backup. The message is one line. */
export class BackupError extends Error {
  readonly code = 'BAD_BACKUP';

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`backup ${path}: ${reason}`, options);
    this.name = 'BackupError';
  }
}

/**
 * Writes a snapshot that comes in pieces to a file, which is there once all of it is whole and safe. Rejects with
 * {@link BackupError}; then the file is as it was.
 */
export async function writeBackup(path: string, pieces: AsyncIterable<Uint8Array>): Promise<BackupFacts> {
  try {
    const counter = new KeyCounter();
    const check = new SnapshotCheck((piece) => counter.reader.push(piece));
    const file = await PartialFile.create(NODE_FILES, `${path}.partial`, { fsync: true });
    try {
      for await (const piece of pieces) {
        check.push(piece);
        await file.write(piece);
      }
      check.end();
      counter.reader.end();
      await file.publish(path);
    } catch (error) {
      await file.discard();
      throw error;
    }
    return { keys: counter.keys, byteLength: file.byteLength };
  } catch (cause) {
    throw new BackupError(path, messageOf(cause), { cause });
  }
}

/**
 * Makes a data directory for a new cluster of so many servers that holds what the backup does. Rejects with
 * {@link BackupError} or DataDirectoryError; then there is no new directory.
 */
export async function restoreBackup(
  path: string,
  dataDir: string,
  { servers }: { readonly servers: number },
): Promise<BackupFacts> {
  const facts = await checkBackup(path);
  await refuseUsed(dataDir);
  const partial = `${dataDir}.restored`;
  await rm(partial, { recursive: true, force: true });
  try {
    await makeCluster(path, partial, servers);
    await rmdir(dataDir).catch(() => undefined);
    await rename(partial, dataDir);
    await NODE_FILES.syncDirectory(dirname(dataDir));
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  return facts;
}

/** Reads all of it. */
async function checkBackup(path: string): Promise<BackupFacts> {
  try {
    const counter = new KeyCounter();
    let byteLength = 0;
    for await (const piece of readSnapshotFile(NODE_FILES, path)) {
      counter.reader.push(piece);
      byteLength += piece.byteLength;
    }
    counter.reader.end();
    return { keys: counter.keys, byteLength };
  } catch (cause) {
    throw new BackupError(path, messageOf(cause), { cause });
  }
}

/** Rejects with DataDirectoryError unless there is nothing at the path, or an empty directory. */
async function refuseUsed(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw new DataDirectoryError(dataDir, `cannot be used (${messageOf(cause)})`, { cause });
  });
  if (names.length > 0) throw new DataDirectoryError(dataDir, 'is not empty: name a new directory');
}

async function makeCluster(path: string, dataDir: string, servers: number): Promise<void> {
  const directory = await DataDirectory.open(dataDir, { servers });
  try {
    for (let id = 0; id < servers; id += 1) await fillServer(path, directory, id);
  } finally {
    await directory.close();
  }
}

async function fillServer(path: string, directory: DataDirectory, serverId: number): Promise<void> {
  const owner = { clusterId: directory.clusterId, serverId };
  const storage = await DiskStorage.open({
    files: NODE_FILES,
    directory: directory.serverDirectory(serverId),
    owner,
    fsync: true,
  });
  try {
    const hardState = { currentTerm: FIRST_ENTRY.term, votedFor: undefined };
    await storage.persist([{ sequence: 0, hardState, entries: [], snapshotChunk: undefined }]);
    const sink = await storage.createSnapshot();
    for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES })) await sink.write(piece);
    await sink.commit(FIRST_ENTRY, FIRST_ENTRY);
  } finally {
    await storage.close();
  }
}

/** Counts the keys of an image. */
class KeyCounter {
  keys = 0;
  readonly reader = new ImageReader({
    clock: () => undefined,
    record: () => {
      this.keys += 1;
    },
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
