/**
 * Where a cluster keeps its files: the directories that it was given, or a temporary one that is removed at its end.
 */

import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { NODE_ENVIRONMENT } from '../environment.js';
import type { SlotId } from '../raft/types.js';
import { type ClusterDirectory, type Description, readDescription } from '../storage/cluster-directory.js';
import { DataDirectory } from '../storage/data-directory.js';
import { explained } from '../storage/data-directory-error.js';
import { NODE_FILES } from '../storage/node-files.js';
import { openDirectories } from '../storage/open-directories.js';
import { DiskTimeoutError, TimedFiles } from '../storage/timed-files.js';
import { DIRECTORY_TIMEOUT_MS } from '../time-limits.js';
import { checkDataDirs, dataDirsIn, type ShownOptions, serverPorts } from './cluster-options.js';

/** Nobody who names a data directory chooses this by chance. */
const TEMPORARY_PREFIX = 'threadraft-memory-';
/** As mkdtemp completes the prefix. */
const TEMPORARY_NAME = /^threadraft-memory-\w{6}$/;

const WORLD = { files: NODE_FILES, environment: NODE_ENVIRONMENT };
const TIMED = { environment: NODE_ENVIRONMENT, timeoutMs: DIRECTORY_TIMEOUT_MS };

export interface StorageLocation {
  readonly paths: readonly string[];
  readonly directory: ClusterDirectory;
  readonly fsync: boolean;
  /** Whether a disk has not answered in time, and not until now: the process cannot exit by itself. */
  readonly hasHungDisk: boolean;
  /** Unlocks the directories for other processes, or removes the temporary one. */
  readonly release: () => Promise<void>;
}

/** Locks the directories for this process. Rejects with DataDirectoryError. */
export async function openStorageLocation(
  options: ShownOptions,
  { isAnySize }: { readonly isAnySize: boolean },
): Promise<StorageLocation> {
  const { servers, memory, fsync } = options;
  if (memory) return openTemporary(servers);
  const paths = dataDirsIn(options);
  const files = new TimedFiles(NODE_FILES, TIMED);
  const directory = await openDirectories(paths, { ...WORLD, files, servers, isAnySize });
  return {
    paths,
    directory,
    fsync,
    get hasHungDisk() {
      return files.givenUp > 0;
    },
    release: () => directory.close(),
  };
}

/**
 * The slots of the servers that a cluster will have, before its directory is opened. Rejects with OptionError when directories
 * are to be made, and are neither one nor as many as servers, and with DataDirectoryError when the only one does not answer.
 */
export async function slotsOn(options: ShownOptions): Promise<readonly SlotId[]> {
  const paths = options.memory ? [] : dataDirsIn(options);
  const files = new TimedFiles(NODE_FILES, TIMED);
  // What else is wrong with a directory is told when it is opened.
  const onFailure = paths.length === 1 ? throwIfHung : () => undefined;
  const found: Description[] = [];
  const looked = new Set<string>();
  // Directories of servers that were removed lead on to those of the members.
  for (let next = paths; next.length > 0; next = placesIn(found).filter((path) => !looked.has(path))) {
    for (const path of next) looked.add(resolve(path));
    const read = next.map((path) => explained(path, () => readDescription(files, path).catch(onFailure)));
    found.push(...(await Promise.all(read)).filter((one) => one !== undefined));
  }
  const newest = newestIn(found);
  if (newest !== undefined) return newest.membership.members.map(({ slot }) => slot);
  if (!options.memory) checkDataDirs(paths, options.servers);
  return [...serverPorts(options).keys()];
}

function newestIn(found: readonly Description[]): Description | undefined {
  return [...found].sort((a, b) => b.revision - a.revision)[0];
}

function placesIn(found: readonly Description[]): readonly string[] {
  return [...(newestIn(found)?.places.values() ?? [])].map((place) => resolve(place));
}

function throwIfHung(error: unknown): undefined {
  if (error instanceof DiskTimeoutError) throw error;
}

/** The temporary directories of this process. */
const temporary = new Set<string>();

/** One listener for all of them: Node warns of more than ten. */
const removeTemporary = () => {
  for (const path of temporary) rmSync(path, REMOVAL);
};

/** A directory that is removed when the process exits or, after a signal that cannot be caught, by the next one. */
async function openTemporary(servers: number): Promise<StorageLocation> {
  await removeAbandoned();
  const path = await mkdtemp(join(tmpdir(), TEMPORARY_PREFIX));
  if (temporary.size === 0) process.once('exit', removeTemporary);
  temporary.add(path);
  const directory = await DataDirectory.open(path, { ...WORLD, servers });
  const release = async () => {
    await directory.close();
    await rm(path, REMOVAL);
    temporary.delete(path);
    if (temporary.size === 0) process.off('exit', removeTemporary);
  };
  return { paths: [path], directory, fsync: false, hasHungDisk: false, release };
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
