/** The storages that pass the shared suite, by a name that can be told to another thread or process. */

import { readdir } from 'node:fs/promises';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { makeServerDirectory } from '../../src/storage/server-directory.js';
import type { Storage } from '../../src/storage/storage.js';
import { OWNER } from '../support/storage.js';

export interface OpenOptions {
  readonly directory: string;
  readonly fsync: boolean;
  readonly lockPatienceMs?: number;
}

/** Few entries fill a segment, so that each test has several. */
const SEGMENT_BYTES = 8 * 1024;

export const IMPLEMENTATIONS = {
  disk: async (options: OpenOptions): Promise<Storage> => {
    await makeIfEmpty(options.directory);
    return DiskStorage.open({ ...options, files: NODE_FILES, owner: OWNER, segmentBytes: SEGMENT_BYTES });
  },
} as const;

/** Makes an empty directory a new server's. */
export async function makeIfEmpty(directory: string): Promise<void> {
  if ((await readdir(directory)).length === 0) await makeServerDirectory(directory);
}

export type ImplementationName = keyof typeof IMPLEMENTATIONS;
