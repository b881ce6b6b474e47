/** threadraft as a library: a cluster that runs in this process. */

export { Cluster, type ClusterEnvironment } from './cluster/cluster.js';
export {
  FaultError,
  NotRunningError,
  ServerGoneError,
  ServerStartError,
  TimeoutError,
  UnknownServerError,
  WrongStateError,
} from './cluster/errors.js';
export type { LinkRequest } from './cluster/faults.js';
export { type ClusterOptions, DEFAULT_OPTIONS, OptionError } from './cluster/options.js';
export type { ClusterMeasurements, ClusterStatus, MemberStatus } from './cluster/status.js';
export { ListenError } from './gateway/listener.js';
export { DataDirectoryError } from './storage/data-directory.js';
export type { ClientAddress } from './wire/control.js';
