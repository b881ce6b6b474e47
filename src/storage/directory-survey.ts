/**
 * What one of several data directories holds, found out before it is known which cluster they are of, and without changing
 * anything but its lock: an empty or missing one may be a lost disk.
 */

import { join } from 'node:path';
import type { ServerId } from '../raft/types.js';
import {
  type Description,
  type Inventory,
  identityIn,
  isBlank,
  isUsed,
  lockDirectory,
  ownerOf,
  readDescription,
  takeInventory,
} from './cluster-directory.js';
import type { FileLock, Files } from './files.js';
import { DamagedManifestError } from './manifest.js';
import type { Owner } from './server-manifest.js';
import { systemCodeOf } from './system-errors.js';
import { DiskTimeoutError } from './timed-files.js';

export type Survey =
  /** There is no such directory, or nothing of a cluster in it. */
  | { readonly is: 'absent' | 'blank'; readonly path: string }
  | {
      readonly is: 'described';
      readonly path: string;
      readonly lock: FileLock;
      readonly description: Description;
      /** The servers that have directories in it: two while one replaces the other in its place. */
      readonly servers: readonly ServerId[];
    }
  /** It has a server's directory and no manifest of the cluster. */
  | {
      readonly is: 'undescribed';
      readonly path: string;
      readonly lock: FileLock;
      /** The only server that has a directory in it, if that says so. */
      readonly owner: Owner | undefined;
      /** Whether a server may have begun to use it. */
      readonly isUsed: boolean;
    }
  /** The disk fails, or has damaged the manifest. */
  | {
      readonly is: 'unusable';
      readonly path: string;
      readonly error: unknown;
      /** What could be read all the same. */
      readonly description: Description | undefined;
    };

/**
 * The directory is locked if somebody has used it. Rejects with DataDirectoryError when another process has it or it holds what
 * is not of a cluster, with OtherFormatError.
 */
export async function surveyDirectory(files: Files, path: string): Promise<Survey> {
  try {
    const inventory = await takeInventory(files, path);
    return isBlank(inventory) ? { is: 'blank', path } : await surveyUsed(files, path, inventory);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return { is: 'absent', path };
    return await unusable(files, path, error);
  }
}

export async function releaseLockOf(survey: Survey): Promise<void> {
  if ('lock' in survey) await survey.lock.release();
}

async function surveyUsed(files: Files, path: string, inventory: Inventory): Promise<Survey> {
  const lock = await lockDirectory(files, path);
  try {
    const description = await readDescription(files, path);
    const servers = inventory.servers.map(identityIn);
    if (description !== undefined) return { is: 'described', path, lock, description, servers };
    return { is: 'undescribed', path, lock, ...(await useOf(files, path, inventory)) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function useOf(
  files: Files,
  path: string,
  { servers }: Inventory,
): Promise<{ readonly owner: Owner | undefined; readonly isUsed: boolean }> {
  const directories = servers.map((name) => join(path, name));
  let used = false;
  for (const directory of directories) used ||= await isUsed(files, directory);
  const [only, ...others] = directories;
  const found = only === undefined || others.length > 0 ? undefined : await ownerOf(files, only);
  return { owner: found?.owner, isUsed: used };
}

async function unusable(files: Files, path: string, error: unknown): Promise<Survey> {
  if (systemCodeOf(error) === undefined && !(error instanceof DamagedManifestError)) throw error;
  // A directory that cannot be written may still name its owner. A disk that hangs is not waited for once more.
  const isHung = error instanceof DiskTimeoutError;
  const description = isHung ? undefined : await readDescription(files, path).catch(() => undefined);
  return { is: 'unusable', path, error, description };
}
