/**
 * Where a cluster keeps its files: the directory it was given, or one that is made for it and goes with it.
 */

import { rmSync } from 'node:fs';
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
  if (memory) return openTemporary(servers);
  const directory = await DataDirectory.open(dataDir, { servers });
  return { directory, fsync, release: () => directory.close() };
}

/** A directory that goes with the process, however that exits. */
async function openTemporary(servers: number): Promise<StorageLocation> {
  const path = await mkdtemp(join(tmpdir(), 'threadraft-'));
  const removeAtExit = () => rmSync(path, REMOVAL);
  process.once('exit', removeAtExit);
  const directory = await DataDirectory.open(path, { servers });
  const release = async () => {
    await directory.close();
    await rm(path, REMOVAL);
    process.off('exit', removeAtExit);
  };
  return { directory, fsync: false, release };
}

/** At an exit servers may still be writing, so that a directory fills again while it is emptied. */
const REMOVAL = { recursive: true, force: true, maxRetries: 10, retryDelay: 10 };
