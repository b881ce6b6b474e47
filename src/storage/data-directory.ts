/**
 * The data directory of a cluster: whom it belongs to, and what it was made for.
 *
 * `cluster/` in it is a small LevelDB with the cluster's description. LevelDB locks it for as long as the process that
 * opened it lives, however that ends, so one directory never serves two processes. `server-<id>/` is one server's own.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { ServerId } from '../raft/types.js';
import { makeServerDirectory } from './server-directory.js';

/** Raised whenever the meaning of what is in the directory changes. */
export const FORMAT_VERSION = 2;

const DESCRIPTION_KEY = 'description';
const CLUSTER_DIRECTORY = 'cluster';
const SERVER_DIRECTORY = /^server-\d+(\.rebuilt)?$/;

interface Description {
  readonly formatVersion: number;
  /** Identifies the cluster for good: made when the directory was. */
  readonly clusterId: string;
  readonly servers: number;
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
  readonly #level: ClassicLevel;

  private constructor(path: string, { clusterId, servers }: Description, level: ClassicLevel) {
    this.path = path;
    this.clusterId = clusterId;
    this.servers = servers;
    this.#level = level;
  }

  /**
   * Opens the directory, made when missing, for a cluster of so many servers, and holds it until {@link close} or the
   * end of the process. Rejects with {@link DataDirectoryError}.
   */
  static async open(path: string, { servers }: { readonly servers: number }): Promise<DataDirectory> {
    await mkdir(path, { recursive: true }).catch((cause: unknown) => {
      throw unusable(path, cause);
    });
    return DataDirectory.#open(path, async (level) => {
      const found = await readDescription(path, level);
      if (found === undefined) return describe(path, level, servers);
      if (found.servers === servers) return found;
      const reason = `was made for ${found.servers} servers: start with -n ${found.servers} or name another directory`;
      throw new DataDirectoryError(path, reason);
    });
  }

  /** The same for a cluster that is there already, whatever its size. Rejects with {@link DataDirectoryError}. */
  static async openExisting(path: string): Promise<DataDirectory> {
    const names = await readdir(path).catch((cause: unknown) => {
      throw unusable(path, cause);
    });
    const missing = new DataDirectoryError(path, 'holds no cluster: name the directory of one');
    if (!names.includes(CLUSTER_DIRECTORY)) throw missing;
    return DataDirectory.#open(path, async (level) => {
      const found = await readDescription(path, level);
      if (found === undefined) throw missing;
      return found;
    });
  }

  static async #open(
    path: string,
    descriptionIn: (level: ClassicLevel) => Promise<Description>,
  ): Promise<DataDirectory> {
    await refuseForeignFiles(path);
    const level = await openLevel(path);
    try {
      return new DataDirectory(path, await descriptionIn(level), level);
    } catch (error) {
      await level.close();
      throw error;
    }
  }

  /** Where the server keeps log, votes and snapshots. */
  serverDirectory(id: ServerId): string {
    return serverDirectory(this.path, id);
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

function unusable(path: string, cause: unknown): DataDirectoryError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  return new DataDirectoryError(path, `cannot be used (${reason}): name a directory that can be written`, {
    cause,
  });
}

/** Rejects with {@link DataDirectoryError} when something is in the directory that is not ours. */
async function refuseForeignFiles(path: string): Promise<void> {
  const names = await readdir(path).catch((cause: unknown) => {
    throw unusable(path, cause);
  });
  const foreign = names.find((name) => name !== CLUSTER_DIRECTORY && !SERVER_DIRECTORY.test(name));
  if (foreign === undefined) return;
  throw new DataDirectoryError(path, `holds ${foreign}, which is not of a cluster: name an empty directory`);
}

async function openLevel(path: string): Promise<ClassicLevel> {
  const level = new ClassicLevel(join(path, CLUSTER_DIRECTORY));
  try {
    await level.open();
    return level;
  } catch (cause) {
    const inner = cause instanceof Error ? cause.cause : undefined;
    const isLocked = inner instanceof Error && 'code' in inner && inner.code === 'LEVEL_LOCKED';
    const reason = isLocked
      ? 'in use by another process: stop that one or name another directory'
      : `cannot be opened (${inner instanceof Error ? inner.message : String(cause)})`;
    throw new DataDirectoryError(path, reason, { cause });
  }
}

/** Makes a new cluster of the directory: its servers may find theirs empty, this once. */
async function describe(path: string, level: ClassicLevel, servers: number): Promise<Description> {
  try {
    for (let id = 0; id < servers; id += 1) await makeServerDirectory(serverDirectory(path, id));
  } catch (cause) {
    throw unusable(path, cause);
  }
  const description: Description = { formatVersion: FORMAT_VERSION, clusterId: randomUUID(), servers };
  await level.put(DESCRIPTION_KEY, JSON.stringify(description), { sync: true });
  return description;
}

/** What the directory says of its cluster; undefined when it says nothing yet. */
async function readDescription(path: string, level: ClassicLevel): Promise<Description | undefined> {
  const text = await level.get(DESCRIPTION_KEY);
  if (text === undefined) return undefined;
  const found = parse(text);
  if (found === undefined)
    throw new DataDirectoryError(path, 'its description is damaged: restore it from a backup');
  if (found.formatVersion === FORMAT_VERSION) return found;
  const reason = `has format ${found.formatVersion}, this program reads format ${FORMAT_VERSION}: use the program that made it`;
  throw new DataDirectoryError(path, reason);
}

function serverDirectory(path: string, id: ServerId): string {
  return join(path, `server-${id}`);
}

function parse(text: string): Description | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isDescription(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDescription(value: unknown): value is Description {
  if (typeof value !== 'object' || value === null) return false;
  if (!('formatVersion' in value && 'clusterId' in value && 'servers' in value)) return false;
  const { formatVersion, clusterId, servers } = value;
  return typeof formatVersion === 'number' && typeof clusterId === 'string' && typeof servers === 'number';
}
