/** Backups in files of this machine: what the storage room does, with the real disk. */

import { NODE_ENVIRONMENT } from '../environment.js';
import * as backups from '../storage/backup.js';
import { type ClusterOptions, checkDataDirs, dataDirsIn } from './cluster-options.js';
import { filesForOneThing } from './one-thing-files.js';

/**
 * Writes a backup that comes in pieces, as Cluster.backup gives it, to a file, which is there once all of it is whole and safe.
 * Rejects with BackupError; then the file is as it was.
 */
export function writeBackup(path: string, pieces: AsyncIterable<Uint8Array>): Promise<backups.BackupFacts> {
  return backups.writeBackup(path, pieces, { files: filesForOneThing() });
}

/**
 * Makes a data directory for a new cluster of this many servers that holds what the backup does, or one for each server where
 * a list is given. Rejects with OptionError, BackupError or DataDirectoryError; then there is no new directory.
 */
export async function restoreBackup(
  path: string,
  dataDir: ClusterOptions['dataDir'],
  { servers }: { readonly servers: number },
): Promise<backups.BackupFacts> {
  const dataDirs = dataDirsIn({ dataDir });
  checkDataDirs(dataDirs, servers);
  return backups.restoreBackup(path, dataDirs, {
    servers,
    files: filesForOneThing(),
    environment: NODE_ENVIRONMENT,
  });
}
