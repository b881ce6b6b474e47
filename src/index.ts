/** threadraft as a library: a cluster that runs in this process. */

export type { CallOptions } from './client/call.js';
export type { Change } from './client/changes.js';
export type {
  DeleteOptions,
  ElectOptions,
  Expected,
  KeyValueClient,
  VersionedValue,
  WriteOptions,
} from './client/key-value-client.js';
export type { Lock } from './client/lock.js';
export type { LockOptions } from './client/lock-keeper.js';
export type { Watch, WatchOptions } from './client/watch.js';
export { restoreBackup, writeBackup } from './cluster/backup-files.js';
export { Cluster } from './cluster/cluster.js';
export type { ClusterEnvironment } from './cluster/cluster-environment.js';
export {
  FaultError,
  MembersError,
  NotRunningError,
  ServerGoneError,
  ServerStartError,
  TimeoutError,
  UnknownServerError,
  WrongStateError,
} from './cluster/cluster-errors.js';
export {
  type ClusterOptions,
  DEFAULT_OPTIONS,
  OptionError,
  type ShownOptions,
} from './cluster/cluster-options.js';
export type { ClusterEvent, ClusterEventOf, EventListener } from './cluster/event-log.js';
export type { CurrentFaults, LinkRequest } from './cluster/faults.js';
export type { InProcessClientOptions } from './cluster/in-process-client.js';
export type { Members } from './cluster/members-view.js';
export type { AddedServer, ServerPlace } from './cluster/membership.js';
export type { ClusterMeasurements, ClusterStatus, MemberStatus } from './cluster/status.js';
export type { PortMeasurements } from './gateway/connections.js';
export type { GatewayMeasurements } from './gateway/gateway.js';
export { ListenError } from './gateway/listener.js';
export type { TlsMaterial } from './gateway/node/tls-identity.js';
export type { LogIndex, RoleName, ServerId, SlotId, Term } from './raft/types.js';
export { BackupError, type BackupFacts } from './storage/backup.js';
export { DataDirectoryError } from './storage/data-directory-error.js';
export type { StorageError, StorageErrorCode } from './storage/storage.js';
export { compileThreadsLazily, setV8Flags } from './v8-flags.js';
export type {
  ClientAddress,
  DiskCondition,
  ServerMeasurements,
  ServerObservation,
  ServerStatus,
  ThreadMeasurements,
} from './wire/control.js';
export {
  COMMAND_RESULTS,
  COMMAND_TYPES,
  DURATION_BOUNDS_S,
  type DurationCounts,
  type MetricsReading,
  type SnapshotCounts,
} from './wire/measurements.js';
export type {
  LogTail,
  ObservedLearner,
  ObservedMembers,
  ObservedMessage,
  ShownRole,
} from './wire/observations.js';
