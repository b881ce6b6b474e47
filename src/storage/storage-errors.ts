/** Messages to the user when a server's disk cannot be used, in one line each. */

import { messageOf } from '../error-message.js';
import type { SlotId } from '../raft/types.js';
import type { OtherFormatError } from './manifest.js';
import type { Owner } from './server-manifest.js';
import { isShortage } from './shortage-retries.js';
import { StorageError, type StorageErrorCode } from './storage.js';
import { adviceFor } from './system-errors.js';

/** What helps where the data cannot be had back. The server's number is told by whoever passes the message on. */
const REMEDY =
  'run "threadraft members replace" for this server, or stop the cluster and run "threadraft rebuild"';

export function missing(directory: string): StorageError {
  const message = `${directory} has lost its data: bring it back, or ${REMEDY}`;
  return new StorageError('DISK_MISSING', message);
}

export function foreign(
  directory: string,
  { found, owner }: { readonly found: Owner; readonly owner: Owner },
): StorageError {
  const whose = found.clusterId === owner.clusterId ? 'this' : 'another';
  const message = `${directory} belongs to server ${found.serverId} of ${whose} cluster: put each server's directory back in its place`;
  return new StorageError('DISK_FOREIGN', message);
}

export function otherFormat(directory: string, cause: OtherFormatError): StorageError {
  return new StorageError('DISK_FORMAT', `${directory} ${cause.message}`, { cause });
}

export function corrupt(directory: string, cause: unknown): StorageError {
  const message = `${directory} is corrupt (${messageOf(cause)}): bring back a copy of it, or ${REMEDY}`;
  return new StorageError('DISK_CORRUPT', message, { cause });
}

export function openFailed(directory: string, cause: unknown): StorageError {
  const message = `${directory} cannot be opened (${messageOf(cause)}): ${adviceFor(cause)}`;
  return failed('DISK_OPEN_FAILED', message, cause);
}

export function readFailed(directory: string, cause: unknown): StorageError {
  const message = `${directory} cannot be read (${messageOf(cause)}): ${adviceFor(cause)}, then restart the server`;
  return failed('DISK_READ_FAILED', message, cause);
}

export function writeFailed(directory: string, cause: unknown): StorageError {
  const message = `${directory} cannot be written (${messageOf(cause)}): ${adviceFor(cause)}, then restart the server`;
  return failed('DISK_WRITE_FAILED', message, cause);
}

/** A shortage may pass by itself: then nobody has to do anything. */
function failed(code: StorageErrorCode, message: string, cause: unknown): StorageError {
  return new StorageError(isShortage(cause) ? 'DISK_SHORTAGE' : code, message, { cause });
}

/** The directory that a server has to itself is not there. */
export function absent(directory: string, slot: SlotId): StorageError {
  return lost('DISK_MISSING', `data directory ${directory} is missing: bring its disk back`, slot);
}

/** There is nothing of the cluster in it. */
export function blank(directory: string, slot: SlotId): StorageError {
  const what = `data directory ${directory} has lost its data: bring its disk back`;
  return lost('DISK_MISSING', what, slot);
}

/** The server has had another one since. */
export function replaced(directory: string, slot: SlotId): StorageError {
  const what = `data directory ${directory} is that of server ${slot} before it was replaced: name the newer one`;
  return lost('DISK_FOREIGN', what, slot);
}

/** It is that of an identity that is no member. */
export function removed(directory: string, slot: SlotId): StorageError {
  return lost(
    'DISK_FOREIGN',
    `data directory ${directory} is that of a server that was removed: name another`,
    slot,
  );
}

/** It cannot be read or written, or is damaged. */
export function unusable(directory: string, slot: SlotId, cause: unknown): StorageError {
  const what = `data directory ${directory} cannot be used (${messageOf(cause)}): ${adviceFor(cause)}`;
  return lost('DISK_OPEN_FAILED', what, slot, cause);
}

function lost(code: StorageErrorCode, what: string, slot: SlotId, cause?: unknown): StorageError {
  const message = `${what} and restart the server, or run "threadraft members replace ${slot}", or stop the cluster and run "threadraft rebuild ${slot}"`;
  return new StorageError(code, message, { cause });
}
