/** Messages to the user when a data directory cannot serve a cluster, in one line each. */

import { DamagedManifestError, MANIFEST_NAME, OtherFormatError } from './manifest.js';
import { adviceFor, messageOf, systemCodeOf } from './system-errors.js';
import { DiskTimeoutError } from './timed-files.js';

/** The directory cannot serve this cluster. The message is one line that tells what the user can do. */
export class DataDirectoryError extends Error {
  readonly code = 'DATA_DIRECTORY_REFUSED';

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`data directory ${path}: ${reason}`, options);
    this.name = 'DataDirectoryError';
  }
}

/** What the action resolves to. Rejects with {@link DataDirectoryError}, whatever it rejects with. */
export async function explained<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asDataDirectoryError(path, error);
  }
}

/** The same for a disk that has not answered in time alone. */
export async function explainedIfHung<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof DiskTimeoutError ? asDataDirectoryError(path, error) : error;
  }
}

export function asDataDirectoryError(path: string, error: unknown): DataDirectoryError {
  if (error instanceof DataDirectoryError) return error;
  return new DataDirectoryError(path, reasonFor(error), { cause: error });
}

export function lostManifest(path: string): DataDirectoryError {
  const reason = `has lost its ${MANIFEST_NAME}: bring it back, or restore a backup to a new directory with "threadraft restore"`;
  return new DataDirectoryError(path, reason);
}

/** Its cluster has another number of servers than was asked for. */
export function otherSize(path: string, servers: number): DataDirectoryError {
  const reason = `is of a cluster of ${servers} servers: start without -n, and change their number with "threadraft members"`;
  return new DataDirectoryError(path, reason);
}

function reasonFor(error: unknown): string {
  if (error instanceof OtherFormatError) return error.message;
  if (error instanceof DamagedManifestError)
    return `${error.message}: bring back a copy of it, or restore a backup to a new directory with "threadraft restore"`;
  return `cannot be used (${systemCodeOf(error) ?? messageOf(error)}): ${adviceFor(error)}, or name another directory`;
}
