/** How the program says what is wrong. */

import { CommanderError } from 'commander';
import { OptionError } from '../cluster/cluster-options.js';

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** The command line's names of those options that the library names otherwise. */
const FLAGS = new Map([
  ['advertiseHost', 'advertise-host'],
  ['routerPort', 'router-port'],
  ['httpPort', 'http-port'],
  ['dataDir', 'data-dir'],
  ['electionTimeoutMs', 'election-timeout'],
  ['heartbeatMs', 'heartbeat'],
  ['snapshotLogBytes', 'snapshot-log-bytes'],
  ['maxValueBytes', 'max-value-bytes'],
  ['maxConnections', 'max-connections'],
  ['idleTimeoutS', 'idle-timeout'],
  ['watchHistory', 'watch-history'],
  ['passwordFile', 'password-file'],
  ['electionTimeout', 'election-timeout'],
  ['fsync', 'no-fsync'],
  ['etcdEndpoints', 'etcd-endpoints'],
  ['cutOver', 'cut-over'],
  ['frontEnds', 'front-ends'],
  ['etcdPrefix', 'etcd-prefix'],
  ['etcdUser', 'etcd-user'],
  ['etcdPasswordFile', 'etcd-password-file'],
  ['etcdCa', 'etcd-ca'],
  ['etcdCert', 'etcd-cert'],
  ['etcdKey', 'etcd-key'],
  ['tls', 'tls-cert'],
  ['tlsCert', 'tls-cert'],
  ['tlsKey', 'tls-key'],
  ['tlsCa', 'tls-ca'],
]);

/** Says in one line what is wrong, and returns the exit code for it. */
export function complain(error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  process.stderr.write(`threadraft: ${complaint(error).replaceAll(/\s+/g, ' ')}\n`);
  return error instanceof CommanderError || error instanceof OptionError ? EXIT_USAGE : EXIT_FAILED;
}

function complaint(error: unknown): string {
  if (error instanceof OptionError && error.option === 'password') return `the password ${error.reason}`;
  if (error instanceof OptionError) return `--${FLAGS.get(error.option) ?? error.option}: ${error.reason}`;
  return error instanceof Error ? error.message.replace(/^error: /, '') : String(error);
}
