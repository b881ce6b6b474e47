/** What servers' disks tell of a cluster that nobody runs on: whose log is the most up-to-date one, and who its members are. */

import { initialConfiguration } from '../raft/configuration.js';
import type { Configuration, LogPosition, RecoveredState, ServerId } from '../raft/types.js';
import type { ClusterDirectory } from './cluster-directory.js';
import { DiskStorage } from './disk-storage.js';
import type { Files } from './files.js';

/** Opens the server's disk. Rejects with StorageError or DataDirectoryError. */
export async function openServer(
  directory: ClusterDirectory,
  serverId: ServerId,
  files: Files,
): Promise<DiskStorage> {
  const { clusterId } = directory;
  const owner = { clusterId, serverId };
  return DiskStorage.open({ files, directory: await directory.locate(serverId), owner, fsync: true });
}

/** Where the log ends. */
export function endOf({ entries, logStart }: RecoveredState): LogPosition {
  const { index, term } = entries.at(-1) ?? logStart;
  return { index, term };
}

/** Of two logs the one that ends in the later term, or is longer, is more up-to-date (§5.4.1). */
export function isMoreUpToDate(one: RecoveredState, other: RecoveredState): boolean {
  const [a, b] = [endOf(one), endOf(other)];
  return a.term > b.term || (a.term === b.term && a.index > b.index);
}

/** The configuration in force at the end of the log of a cluster that began with so many servers. */
export function latestConfiguration({ entries, snapshot }: RecoveredState, servers: number): Configuration {
  const entry = entries.findLast((one) => one.configuration !== undefined);
  return entry?.configuration ?? snapshot?.configuration ?? initialConfiguration(servers);
}
