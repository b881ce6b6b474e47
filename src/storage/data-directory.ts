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

/** Raised whenever the meaning of what is in the directory changes. */
export const FORMAT_VERSION = 1;

const DESCRIPTION_KEY = 'description';
const CLUSTER_DIRECTORY = 'cluster';
const SERVER_DIRECTORY = /^server-\d+$/;

interface Description {
  readonly formatVersion: number;
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
  /** Identifies the cluster for good: made when the directory was. */
  readonly clusterId: string;
  readonly #level: ClassicLevel;

  private constructor(path: string, clusterId: string, level: ClassicLevel) {
    this.path = path;
    this.clusterId = clusterId;
    this.#level = level;
  }

  /**
   * Opens the directory, made when missing, for a cluster of so many servers, and holds it until {@link close} or the
   * end of the process. Rejects with {@link DataDirectoryError}.
   */
  static async open(path: string, { servers }: { readonly servers: number }): Promise<DataDirectory> {
    await refuseForeignFiles(path);
    const level = await openLevel(path);
    try {
      return new DataDirectory(path, await describe(path, level, servers), level);
    } catch (error) {
      await level.close();
      throw error;
    }
  }

  /** Where the server keeps its log. */
  serverDirectory(id: ServerId): string {
    return join(this.path, `server-${id}`);
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

/** Makes the directory, or checks that nothing is in it that is not ours. */
async function refuseForeignFiles(path: string): Promise<void> {
  let names: string[];
  try {
    await mkdir(path, { recursive: true });
    names = await readdir(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new DataDirectoryError(path, `cannot be used (${reason}): name a directory that can be written`, {
      cause,
    });
  }
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

/** The id of the cluster that the directory belongs to; a new directory gets one. */
async function describe(path: string, level: ClassicLevel, servers: number): Promise<string> {
  const text = await level.get(DESCRIPTION_KEY);
  if (text === undefined) {
    const description: Description = { formatVersion: FORMAT_VERSION, clusterId: randomUUID(), servers };
    await level.put(DESCRIPTION_KEY, JSON.stringify(description), { sync: true });
    return description.clusterId;
  }
  const found = parse(text);
  if (found === undefined)
    throw new DataDirectoryError(path, 'its description is damaged: restore it from a backup');
  if (found.formatVersion !== FORMAT_VERSION) {
    const reason = `has format ${found.formatVersion}, this program reads format ${FORMAT_VERSION}: use the program that made it`;
    throw new DataDirectoryError(path, reason);
  }
  if (found.servers !== servers) {
    const reason = `was made for ${found.servers} servers: start with -n ${found.servers} or name another directory`;
    throw new DataDirectoryError(path, reason);
  }
  return found.clusterId;
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
