/**
 * A backup is one snapshot in a file. A new cluster can be made of it, each of whose servers starts from that snapshot
 * as if everything in it had been the first entry of their logs.
 */

import { dirname, join } from 'node:path';
import { messageOf } from '../error-message.js';
import { ImageReader, RestoredImage } from '../state-machine/image.js';
import { LOST_AND_FOUND, type NewDirectoriesOptions, takeInventory } from './cluster-directory.js';
import { DataDirectories } from './data-directories.js';
import { DataDirectory } from './data-directory.js';
import { DataDirectoryError, explainedIfHung } from './data-directory-error.js';
import { DiskStorage } from './disk-storage.js';
import type { Files } from './files.js';
import { MANIFEST_NAME } from './manifest.js';
import { PartialFile } from './partial-file.js';
import type { Owner } from './server-manifest.js';
import { readSnapshotFile } from './snapshot-files.js';
import { SnapshotCheck, SnapshotSums } from './snapshot-format.js';
import { systemCodeOf } from './system-errors.js';

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
 * Makes a data directory for a new cluster of this many servers that holds what the backup does, or one for each server where
 * several are named. Rejects with {@link BackupError} or DataDirectoryError; then there is no new directory.
 */
export async function restoreBackup(
  path: string,
  dataDirs: readonly string[],
  options: NewDirectoriesOptions,
): Promise<BackupFacts> {
  const facts = await checkBackup(path, options.files);
  for (const dataDir of dataDirs) await refuseUsed(dataDir, options.files);
  const [dataDir, ...others] = dataDirs;
  await explainedIfHung(dataDirs.join(', '), async () => {
    if (dataDir !== undefined && others.length === 0) await restoreTogether(path, dataDir, options);
    else await restoreApart(path, dataDirs, options);
  });
  return facts;
}

async function restoreTogether(path: string, dataDir: string, options: NewDirectoriesOptions): Promise<void> {
  const { files } = options;
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
}

/**
 * The directories may be where file systems are mounted, so they are not renamed. They are those of a cluster once all have
 * their manifests, which are written last.
 */
async function restoreApart(
  path: string,
  dataDirs: readonly string[],
  options: NewDirectoriesOptions,
): Promise<void> {
  const { files } = options;
  const missing: string[] = [];
  for (const dataDir of dataDirs) if (await isMissing(files, dataDir)) missing.push(dataDir);
  try {
    const directories = await DataDirectories.make(dataDirs, options, (directory, owner) =>
      fillServer(path, { directory, owner, files }),
    );
    await directories.close();
  } catch (error) {
    for (const dataDir of dataDirs) {
      if (missing.includes(dataDir)) await files.removeTree(dataDir);
      else await empty(files, dataDir);
    }
    throw error;
  }
}

function isMissing(files: Files, path: string): Promise<boolean> {
  return files.list(path).then(
    () => false,
    () => true,
  );
}

/** Removes what was made of a cluster in a directory that was empty. */
async function empty(files: Files, path: string): Promise<void> {
  for (const name of await files.list(path))
    if (name !== LOST_AND_FOUND) await files.removeTree(join(path, name));
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

/**
 * Removes what {@link restoreBackup} has left that did not come to its end, in directories that were empty before. Resolves to
 * whether it did come to its end, and nothing is to be removed. Rejects with DataDirectoryError where something else is there.
 */
export async function emptyUnfinished(dataDirs: readonly string[], files: Files): Promise<boolean> {
  const there: string[] = [];
  let described = 0;
  for (const dataDir of dataDirs) {
    const names = await files.list(dataDir).catch((): readonly string[] => []);
    if (names.length > 0) there.push(dataDir);
    if (names.includes(MANIFEST_NAME)) described += 1;
  }
  if (described === dataDirs.length) return true;
  for (const dataDir of there) {
    await takeInventory(files, dataDir);
    await empty(files, dataDir);
  }
  return false;
}

/** Rejects with DataDirectoryError unless there is nothing at the path, or an empty directory. */
export async function refuseUsed(dataDir: string, files: Files): Promise<void> {
  const names = await files.list(dataDir).catch((cause: unknown) => {
    if (systemCodeOf(cause) === 'ENOENT') return [];
    throw new DataDirectoryError(dataDir, `cannot be used (${messageOf(cause)})`, { cause });
  });
  if (names.some((name) => name !== LOST_AND_FOUND))
    throw new DataDirectoryError(dataDir, 'is not empty: name a new directory');
}

async function makeCluster(path: string, dataDir: string, options: NewDirectoriesOptions): Promise<void> {
  const { files } = options;
  const directory = await DataDirectory.open(dataDir, options);
  const { clusterId } = directory;
  try {
    for (let serverId = 0; serverId < options.servers; serverId += 1)
      await fillServer(path, {
        directory: directory.serverDirectory(serverId),
        owner: { clusterId, serverId },
        files,
      });
  } finally {
    await directory.close();
  }
}

async function fillServer(
  path: string,
  { files, ...place }: { readonly directory: string; readonly owner: Owner; readonly files: Files },
): Promise<void> {
  const storage = await DiskStorage.open({ ...place, files, fsync: true });
  try {
    const hardState = { currentTerm: FIRST_ENTRY.term, votedFor: undefined };
    await storage.persist([{ sequence: 0, hardState, entries: [], snapshotChunk: undefined }]);
    const sink = await storage.createSnapshot();
    const sums = new SnapshotSums();
    const image = new RestoredImage();
    await sink.write(sums.header());
    for await (const piece of readSnapshotFile(files, path)) await sink.write(sums.image(image.push(piece)));
    await sink.write(sums.trailer());
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
    revisions: () => undefined,
    removals: () => undefined,
    sessions: { restore: () => undefined, add: () => undefined },
    dedupe: { restoreStart: () => undefined, restoreRow: () => undefined, restoreChunk: () => undefined },
    record: () => {
      this.keys += 1;
    },
  });
}
