/** Messages to the user when a data directory cannot serve a cluster, in one line each. */

import { messageOf } from '../error-message.js';
import { DamagedManifestError, MANIFEST_NAME, OtherFormatError } from './manifest.js';
import { adviceFor, systemCodeOf } from './system-errors.js';
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

/** The directories that are left, when these are lost or cannot be used, are no majority. */
export function tooFewDirectories(
  first: LostDirectory,
  rest: readonly LostDirectory[],
  { servers, needed }: { readonly servers: number; readonly needed: number },
): DataDirectoryError {
  const { cause } = first.reason;
  const state =
    first.reason.code === 'DISK_MISSING'
      ? 'is lost'
      : `cannot be used (${systemCodeOf(cause) ?? messageOf(cause)})`;
  const more = rest.length === 0 ? '' : `, and so are ${rest.map(({ path }) => path).join(', ')}`;
  const advice = 'bring back their disks, or restore a backup to new directories with "threadraft restore"';
  const reason = `${state}${more}: of the directories of ${servers} servers ${needed} are needed: ${advice}`;
  return new DataDirectoryError(first.path, reason, { cause: first.reason });
}

interface LostDirectory {
  readonly path: string;
  readonly reason: Error & { readonly code: string };
}

function reasonFor(error: unknown): string {
  if (error instanceof OtherFormatError) return error.message;
  if (error instanceof DamagedManifestError)
    return `${error.message}: bring back a copy of it, or restore a backup to a new directory with "threadraft restore"`;
  return `cannot be used (${systemCodeOf(error) ?? messageOf(error)}): ${adviceFor(error)}, or name another directory`;
}
