/** A cluster's data in one directory for all servers, or in one for each, as the user has named them. */

import type { ClusterDirectory, DataDirectoryOptions, NewDirectoriesOptions } from './cluster-directory.js';
import { DataDirectories } from './data-directories.js';
import { DataDirectory } from './data-directory.js';

/** Opens it, made when new. Rejects with DataDirectoryError. */
export function openDirectories(
  paths: readonly string[],
  options: NewDirectoriesOptions,
): Promise<ClusterDirectory> {
  const [path, ...others] = paths;
  if (path !== undefined && others.length === 0) return DataDirectory.open(path, options);
  return DataDirectories.open(paths, options);
}

/** Opens the directories of an existing cluster, even if some are lost. Rejects with DataDirectoryError. */
export function openExistingDirectories(
  paths: readonly string[],
  options: DataDirectoryOptions,
): Promise<ClusterDirectory> {
  const [path, ...others] = paths;
  if (path !== undefined && others.length === 0) return DataDirectory.openExisting(path, options);
  return DataDirectories.openExisting(paths, options);
}
