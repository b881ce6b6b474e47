/** Opens a real storage, for tests in this thread and for fixtures in others. */

import { DiskStorage } from '../../src/storage/disk-storage.js';
import type { Files } from '../../src/storage/files.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { makeServerDirectory } from '../../src/storage/server-manifest.js';
import { OWNER } from './storage.js';

/** Few entries fill a segment, so that each test has several. */
const SEGMENT_BYTES = 8 * 1024;

export interface OpenOptions {
  readonly fsync: boolean;
  readonly files?: Files;
}

/** Opens the storage in a directory, which becomes a new server's when it is empty. */
export async function openStorage(
  directory: string,
  { fsync, files = NODE_FILES }: OpenOptions,
): Promise<DiskStorage> {
  if ((await files.list(directory)).length === 0) await makeServerDirectory(files, directory, OWNER);
  return DiskStorage.open({ directory, files, fsync, owner: OWNER, segmentBytes: SEGMENT_BYTES });
}
