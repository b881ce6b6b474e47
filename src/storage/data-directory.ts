/**
 * The data directory of a cluster: whom it belongs to, and what it was made for.
 *
 * `manifest` in it describes the cluster. `lock` is locked for as long as the process that opened the directory lives, however
 * that ends, so one directory never serves two processes. `server-<id>/` is one server's own: it has no lock, since the
 * process that has this one starts a server's thread only once the one before has ended.
 */

import { dirname, join, resolve } from 'node:path';
import type { Environment } from '../environment.js';
import type { ServerId } from '../raft/types.js';
import type { FileLock, Files } from './files.js';
import {
  DamagedManifestError,
  MANIFEST_NAME,
  type ManifestFields,
  OtherFormatError,
  PARTIAL_MANIFEST_NAME,
  readManifest,
  writeManifest,
} from './manifest.js';
import { makeServerDirectory, ServerManifest } from './server-manifest.js';
import { adviceFor, messageOf, systemCodeOf } from './system-errors.js';

const LOCK_NAME = 'lock';
const SERVER_DIRECTORY = /^server-\d+$/;
/** The name of a directory that a rebuild leaves when it is cut off. */
const REBUILT_DIRECTORY = /^server-\d+\.rebuilt$/;
/** Where format 2 had what the manifest holds. */
const LEVELDB_DIRECTORY = 'cluster';

const CLUSTER_ID_WORDS = 4;

interface Description {
  /** Identifies the cluster for good: made when the directory was. */
  readonly clusterId: string;
  readonly servers: number;
}

export interface DataDirectoryOptions {
  readonly files: Files;
  /** For the id of a new cluster. */
  readonly environment: Pick<Environment, 'random'>;
}

/** The directory cannot serve this cluster. The message is one line that tells what the user can do. */
export class DataDirectoryError extends Error {
  readonly code = 'DATA_DIRECTORY_REFUSED';

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`data directory ${path}: ${reason}`, options);
    this.name = 'DataDirectoryError';
  }
}

export class DataDirectory {
  readonly path: string;
  readonly clusterId: string;
  /** How many servers the cluster has. */
  readonly servers: number;
  readonly #lock: FileLock;

  private constructor(path: string, { clusterId, servers }: Description, lock: FileLock) {
    this.path = path;
    this.clusterId = clusterId;
    this.servers = servers;
    this.#lock = lock;
  }

  /**
   * Opens the directory, made when missing, for a cluster of this many servers, and holds it until {@link close} or the
   * end of the process. Rejects with {@link DataDirectoryError}.
   */
  static open(
    path: string,
    { servers, ...options }: DataDirectoryOptions & { readonly servers: number },
  ): Promise<DataDirectory> {
    return explained(path, async () => {
      const topmostMade = await options.files.makeDirectory(path);
      return DataDirectory.#open(path, options, async () => {
        const found = await readDescription(path, options);
        if (found === undefined) {
          await syncNamesAbove(path, topmostMade, options);
          return describe(path, servers, options);
        }
        if (found.servers === servers) return found;
        const reason = `was made for ${found.servers} servers: start with -n ${found.servers} or name another directory`;
        throw new DataDirectoryError(path, reason);
      });
    });
  }

  /** The same for a cluster that is there already, whatever its size. Rejects with {@link DataDirectoryError}. */
  static openExisting(path: string, options: DataDirectoryOptions): Promise<DataDirectory> {
    return explained(path, async () => {
      const names = await options.files.list(path);
      if (!names.some((name) => name === MANIFEST_NAME || isOfServer(name) || name === LEVELDB_DIRECTORY))
        throw new DataDirectoryError(path, 'holds no cluster: name the directory of one');
      return DataDirectory.#open(path, options, async () => {
        const found = await readDescription(path, options);
        if (found === undefined) throw lostManifest(path);
        return found;
      });
    });
  }

  /** Removes the directory, with all that is in it, if it is that of a cluster whose process has ended. */
  static async removeAbandoned(path: string, { files }: Pick<DataDirectoryOptions, 'files'>): Promise<void> {
    // A process has had the lock before it writes the manifest.
    if (!(await files.list(path)).includes(MANIFEST_NAME)) return;
    const lock = await files.lock(join(path, LOCK_NAME));
    if (lock === undefined) return;
    try {
      await files.removeTree(path);
    } finally {
      await lock.release();
    }
  }

  static async #open(
    path: string,
    { files }: DataDirectoryOptions,
    descriptionOf: () => Promise<Description>,
  ): Promise<DataDirectory> {
    const names = await files.list(path);
    if (names.includes(LEVELDB_DIRECTORY)) throw new OtherFormatError(2);
    const foreign = names.find((name) => !isOurs(name));
    if (foreign !== undefined)
      throw new DataDirectoryError(
        path,
        `holds ${foreign}, which is not of a cluster: name an empty directory`,
      );
    const lock = await files.lock(join(path, LOCK_NAME));
    if (lock === undefined)
      throw new DataDirectoryError(
        path,
        'in use by another process: stop that one or name another directory',
      );
    try {
      return new DataDirectory(path, await descriptionOf(), lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Where the server keeps log, votes and snapshots. */
  serverDirectory(id: ServerId): string {
    return serverDirectory(this.path, id);
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }
}

/** What the action resolves to. Rejects with {@link DataDirectoryError}, whatever it rejects with. */
async function explained<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DataDirectoryError) throw error;
    throw new DataDirectoryError(path, reasonFor(error), { cause: error });
  }
}

function reasonFor(error: unknown): string {
  if (error instanceof OtherFormatError) return error.message;
  if (error instanceof DamagedManifestError)
    return `${error.message}: bring back a copy of it, or restore a backup to a new directory with "threadraft restore"`;
  return `cannot be used (${systemCodeOf(error) ?? messageOf(error)}): ${adviceFor(error)}, or name another directory`;
}

function lostManifest(path: string): DataDirectoryError {
  const reason = `has lost its ${MANIFEST_NAME}: bring it back, or restore a backup to a new directory with "threadraft restore"`;
  return new DataDirectoryError(path, reason);
}

function isOurs(name: string): boolean {
  return [MANIFEST_NAME, PARTIAL_MANIFEST_NAME, LOCK_NAME].includes(name) || isOfServer(name);
}

function isOfServer(name: string): boolean {
  return SERVER_DIRECTORY.test(name) || REBUILT_DIRECTORY.test(name);
}

/** Has the directory's name survive, and those of the directories above it that were made with it. */
async function syncNamesAbove(
  path: string,
  topmostMade: string | undefined,
  { files }: DataDirectoryOptions,
): Promise<void> {
  const last = dirname(resolve(topmostMade ?? path));
  let above = dirname(resolve(path));
  while (above !== last) {
    await files.syncDirectory(above);
    above = dirname(above);
  }
  await files.syncDirectory(last);
}

/**
 * Makes a new cluster of the directory. Its manifest comes last: without it, nobody has used the directories of the servers,
 * or it was lost.
 */
async function describe(
  path: string,
  servers: number,
  { files, environment }: DataDirectoryOptions,
): Promise<Description> {
  for (const name of await files.list(path)) {
    if (SERVER_DIRECTORY.test(name) && (await isUsed(files, join(path, name)))) throw lostManifest(path);
  }
  const description: Description = { clusterId: newClusterId(environment), servers };
  for (let serverId = 0; serverId < servers; serverId += 1) {
    const { clusterId } = description;
    const directory = serverDirectory(path, serverId);
    // One that is there may be forgotten yet: a sync of its name that failed is not made good by another one.
    await files.removeTree(directory);
    await makeServerDirectory(files, directory, { clusterId, serverId });
  }
  await files.syncDirectory(path);
  await writeManifest(files, path, description, { fsync: true });
  return description;
}

/** Whether a server may have begun to use its directory. */
async function isUsed(files: Files, directory: string): Promise<boolean> {
  const manifest = await ServerManifest.open(files, directory);
  if (manifest !== undefined) return manifest.state.isBegun;
  return (await files.list(directory)).some((name) => name !== PARTIAL_MANIFEST_NAME);
}

/** What the directory says of its cluster; undefined when it says nothing yet. */
async function readDescription(
  path: string,
  { files }: DataDirectoryOptions,
): Promise<Description | undefined> {
  const description = await readManifest(files, path, (fields: ManifestFields) => ({
    clusterId: fields.string('clusterId'),
    servers: fields.number('servers'),
  }));
  // It may be forgotten yet: the process may have ended before the sync, or the sync have failed.
  if (description !== undefined) await writeManifest(files, path, description, { fsync: true });
  return description;
}

/** 128 random bits. */
function newClusterId({ random }: Pick<Environment, 'random'>): string {
  return Array.from({ length: CLUSTER_ID_WORDS }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('');
}

function serverDirectory(path: string, id: ServerId): string {
  return join(path, `server-${id}`);
}
