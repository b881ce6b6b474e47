/**
 * A backup is one snapshot in a file. A new cluster can be made of it, each of whose servers starts from that snapshot
 * as if everything in it had been the first entry of their logs.
 */

import { dirname } from 'node:path';
import { ImageReader } from '../state-machine/image.js';
import { DataDirectory, DataDirectoryError, type DataDirectoryOptions } from './data-directory.js';
import { DiskStorage } from './disk-storage.js';
import type { Files } from './files.js';
import { PartialFile } from './partial-file.js';
import { filePieces, readSnapshotFile } from './snapshot-files.js';
import { SnapshotCheck } from './snapshot-format.js';
import { messageOf, systemCodeOf } from './system-errors.js';

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
export async function writeBackup(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  { files }: { readonly files: Files },
): Promise<BackupFacts> {
  try {
    const counter = new KeyCounter();
    const check = new SnapshotCheck((piece) => counter.reader.push(piece));
    const file = await PartialFile.create(files, `${path}.partial`, { fsync: true });
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
 * Makes a data directory for a new cluster of this many servers that holds what the backup does. Rejects with
 * {@link BackupError} or DataDirectoryError; then there is no new directory.
 */
export async function restoreBackup(
  path: string,
  dataDir: string,
  options: RestoreOptions,
): Promise<BackupFacts> {
  const { files } = options;
  const facts = await checkBackup(path, files);
  await refuseUsed(dataDir, files);
  const partial = `${dataDir}.restored`;
  await files.removeTree(partial);
  try {
    await makeCluster(path, partial, options);
    await files.rename(partial, dataDir);
    await files.syncDirectory(dirname(dataDir));
  } catch (error) {
    await files.removeTree(partial);
    throw error;
  }
  return facts;
}

interface RestoreOptions extends DataDirectoryOptions {
  /** Of the new cluster. */
  readonly servers: number;
}

/** Reads all of it. */
async function checkBackup(path: string, files: Files): Promise<BackupFacts> {
  try {
    const counter = new KeyCounter();
    let byteLength = 0;
    for await (const piece of readSnapshotFile(files, path)) {
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
async function refuseUsed(dataDir: string, files: Files): Promise<void> {
  const names = await files.list(dataDir).catch((cause: unknown) => {
    if (systemCodeOf(cause) === 'ENOENT') return [];
    throw new DataDirectoryError(dataDir, `cannot be used (${messageOf(cause)})`, { cause });
  });
  if (names.length > 0) throw new DataDirectoryError(dataDir, 'is not empty: name a new directory');
}

async function makeCluster(path: string, dataDir: string, options: RestoreOptions): Promise<void> {
  const directory = await DataDirectory.open(dataDir, options);
  try {
    for (let id = 0; id < options.servers; id += 1) await fillServer(path, directory, id, options.files);
  } finally {
    await directory.close();
  }
}

async function fillServer(
  path: string,
  directory: DataDirectory,
  serverId: number,
  files: Files,
): Promise<void> {
  const owner = { clusterId: directory.clusterId, serverId };
  const storage = await DiskStorage.open({
    files,
    directory: directory.serverDirectory(serverId),
    owner,
    fsync: true,
  });
  try {
    const hardState = { currentTerm: FIRST_ENTRY.term, votedFor: undefined };
    await storage.persist([{ sequence: 0, hardState, entries: [], snapshotChunk: undefined }]);
    const sink = await storage.createSnapshot();
    for await (const piece of filePieces(files, path)) await sink.write(piece);
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
    removals: () => undefined,
    record: () => {
      this.keys += 1;
    },
  });
}
