/**
 * Where a cluster keeps its files: the directories that it was given, or a temporary one that is removed at its end.
 */

import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_ENVIRONMENT } from '../environment.js';
import type { SlotId } from '../raft/types.js';
import { type ClusterDirectory, readDescription } from '../storage/cluster-directory.js';
import { DataDirectory } from '../storage/data-directory.js';
import { NODE_FILES } from '../storage/node-files.js';
import { openDirectories } from '../storage/open-directories.js';
import { type ClusterOptions, dataDirsIn, serverPorts } from './cluster-options.js';

/** Nobody who names a data directory chooses this by chance. */
const TEMPORARY_PREFIX = 'threadraft-memory-';
/** As mkdtemp completes the prefix. */
const TEMPORARY_NAME = /^threadraft-memory-\w{6}$/;

const WORLD = { files: NODE_FILES, environment: NODE_ENVIRONMENT };

export interface StorageLocation {
  readonly paths: readonly string[];
  readonly directory: ClusterDirectory;
  readonly fsync: boolean;
  /** Unlocks the directories for other processes, or removes the temporary one. */
  readonly release: () => Promise<void>;
}

/** Locks the directories for this process. Rejects with DataDirectoryError. */
export async function openStorageLocation(
  options: ClusterOptions,
  { isAnySize }: { readonly isAnySize: boolean },
): Promise<StorageLocation> {
  const { servers, memory, fsync } = options;
  if (memory) return openTemporary(servers);
  const paths = dataDirsIn(options);
  const directory = await openDirectories(paths, { ...WORLD, servers, isAnySize });
  return { paths, directory, fsync, release: () => directory.close() };
}

/** The slots of the servers that a cluster will have, before its directory is opened. */
export async function slotsOn(options: ClusterOptions): Promise<readonly SlotId[]> {
  const [path, ...others] = options.memory ? [] : dataDirsIn(options);
  const isShared = path !== undefined && others.length === 0;
  // What is wrong with the directory is told when it is opened.
  const found = isShared ? await readDescription(NODE_FILES, path).catch(() => undefined) : undefined;
  return found?.membership.members.map(({ slot }) => slot) ?? [...serverPorts(options).keys()];
}

/** A directory that is removed when the process exits or, after a signal that cannot be caught, by the next one. */
async function openTemporary(servers: number): Promise<StorageLocation> {
  await removeAbandoned();
  const path = await mkdtemp(join(tmpdir(), TEMPORARY_PREFIX));
  const removeAtExit = () => rmSync(path, REMOVAL);
  process.once('exit', removeAtExit);
  const directory = await DataDirectory.open(path, { ...WORLD, servers });
  const release = async () => {
    await directory.close();
    await rm(path, REMOVAL);
    process.off('exit', removeAtExit);
  };
  return { paths: [path], directory, fsync: false, release };
}

/** Removes the temporary directories of processes that have ended. */
async function removeAbandoned(): Promise<void> {
  const found = await readdir(tmpdir(), { withFileTypes: true });
  const directories = found.filter((entry) => entry.isDirectory() && TEMPORARY_NAME.test(entry.name));
  for (const { name } of directories) {
    // A directory of another user, or one that another process removes as well, is no reason not to start.
    await DataDirectory.removeAbandoned(join(tmpdir(), name), WORLD).catch(() => undefined);
  }
}

/** At an exit servers may still be writing, so that a directory gets new files while it is emptied. */
const REMOVAL = { recursive: true, force: true, maxRetries: 10, retryDelay: 10 };
