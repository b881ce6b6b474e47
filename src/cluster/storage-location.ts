/**
 * Where a cluster keeps its files: the directory it was given, or one that is made for it and goes with it.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataDirectory } from '../storage/data-directory.js';
import type { ClusterOptions } from './options.js';

export interface StorageLocation {
  readonly directory: DataDirectory;
  readonly fsync: boolean;
  /** Lets another process have the directory, or removes it if it was temporary. */
  readonly release: () => Promise<void>;
}

/** Takes the directory for this process. Rejects with DataDirectoryError. */
export async function openStorageLocation(options: ClusterOptions): Promise<StorageLocation> {
  const { servers, dataDir, memory, fsync } = options;
  const path = memory ? await mkdtemp(join(tmpdir(), 'threadraft-')) : dataDir;
  const directory = await DataDirectory.open(path, { servers });
  return {
    directory,
    fsync: fsync && !memory,
    release: async () => {
      await directory.close();
      if (memory) await rm(path, { recursive: true, force: true });
    },
  };
}
