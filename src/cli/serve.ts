/**
 * The program from the start of its cluster to its end.
 *
 * Stdout is for programs to read: it gets one line when the cluster is ready. Stderr gets the log, and an error as one line.
 */

import { writeSync } from 'node:fs';
import { AdminServer } from '../admin/admin-server.js';
import { clientRoom } from '../cluster/client-network.js';
import { Cluster } from '../cluster/cluster.js';
import type { ClusterOptions } from '../cluster/cluster-options.js';
import { EtcdCluster } from '../cluster/etcd-cluster.js';
import type { ServerId } from '../raft/types.js';
import { compileThreadsLazily } from '../v8-flags.js';
import type { ClientAddress, EtcdAccess } from '../wire/control.js';
import { complain, EXIT_FAILED } from './complaint.js';
import { createLogger } from './logger.js';
import { canReload, reloadSecrets, type SecretFiles } from './reload.js';

/** Ctrl-C reaches this program twice when npm runs it: from the terminal, and from npm. */
const SAME_SIGNAL_MS = 250;

export interface ServeOptions {
  /** Where the admin API listens; undefined for nowhere. */
  readonly httpPort: number | undefined;
  readonly logLevel: string;
  /** Where keys are kept; in the servers themselves if undefined. */
  readonly etcd: EtcdAccess | undefined;
  /** Read again when SIGHUP comes; without them, SIGHUP stops the program. */
  readonly files: SecretFiles;
}

/** Runs a cluster until a signal ends it. Rejects when it cannot be started. */
export async function serve(
  options: Partial<ClusterOptions>,
  { httpPort: port, logLevel, files, etcd }: ServeOptions,
): Promise<void> {
  const logger = createLogger(logLevel);
  const cluster =
    etcd === undefined ? new Cluster(options, { logger }) : new EtcdCluster(options, etcd, { logger });
  const { host } = cluster.options;
  const admin = port === undefined ? undefined : new AdminServer(cluster, { host, port }, { logger });
  const stopping = stopOnSignal(async () => {
    await admin?.close();
    await cluster.close();
    if (cluster.leftBehind.length > 0) endWithoutDisks(cluster.leftBehind);
  });
  if (canReload(files)) reloadSecrets(cluster, files, logger);
  else process.on('SIGHUP', stopping.stop);
  try {
    await admin?.start();
    compileThreadsLazily();
    await cluster.start();
  } catch (error) {
    await admin?.close();
    if (stopping.isStopping) return;
    throw error;
  }
  const { length: servers } = cluster.ids;
  const maxConnections = clientRoom(servers, cluster.options.maxConnections);
  if (maxConnections < cluster.options.maxConnections)
    logger.info({ maxConnections }, 'descriptors allow fewer clients');
  if (servers % 2 === 0 && etcd === undefined)
    logger.info({ servers }, 'an even number of servers tolerates no more failures than one server fewer');
  for (const server of cluster.withoutDisk) {
    const reason = cluster.troubleOf(server);
    process.stderr.write(`threadraft: server ${server} is down, the others serve: ${reason}\n`);
  }
  process.stdout.on('error', () => logger.warn('nobody reads the line that tells the addresses'));
  process.stdout.write(`${readyLine(cluster, admin?.address)}\n`);
  // What keeps it from loading is told to whoever asks, as long as it does.
  admin?.preload().catch(() => undefined);
}

/**
 * A thread that is stuck in a call of its disk keeps the process from exiting. Nothing is lost by not waiting for it: whatever
 * it has not written was not acknowledged.
 */
function endWithoutDisks(servers: readonly ServerId[]): void {
  writeSync(
    process.stderr.fd,
    `threadraft: the disk of server ${servers.join(', ')} does not answer: ending without it\n`,
  );
  process.kill(process.pid, 'SIGKILL');
}

/**
 * `ready leader=0 servers=127.0.0.1:9000,127.0.0.1:9002 router=127.0.0.1:9100 http=http://127.0.0.1:9180`, and `down=1` if
 * the disk of server 1 is missing; with etcd `engine=etcd` in place of the leader.
 */
function readyLine(cluster: Cluster, admin: ClientAddress | undefined): string {
  const words = [
    'ready',
    cluster.engine.name === 'etcd' ? 'engine=etcd' : `leader=${cluster.leader}`,
    `servers=${cluster.ids.map((id) => show(cluster.serverAddress(id))).join(',')}`,
  ];
  if (cluster.routerAddress !== undefined) words.push(`router=${show(cluster.routerAddress)}`);
  const scheme = cluster.security.tls === undefined ? 'http' : 'https';
  if (admin !== undefined) words.push(`http=${scheme}://${show(admin)}`);
  if (cluster.withoutDisk.length > 0) words.push(`down=${cluster.withoutDisk.join(',')}`);
  return words.join(' ');
}

function show({ host, port }: ClientAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

interface Stopping {
  readonly isStopping: boolean;
  /** What each of the signals does. */
  readonly stop: () => void;
}

/** The first of these signals stops the program cleanly, the second at once. */
function stopOnSignal(stop: () => Promise<void>): Stopping {
  let stoppingSinceMs: number | undefined;
  const onSignal = () => {
    if (stoppingSinceMs !== undefined) {
      if (performance.now() - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(EXIT_FAILED);
      return;
    }
    stoppingSinceMs = performance.now();
    stop().then(
      () => process.exit(0),
      (error: unknown) => process.exit(complain(error)),
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, onSignal);
  return {
    stop: onSignal,
    get isStopping() {
      return stoppingSinceMs !== undefined;
    },
  };
}
