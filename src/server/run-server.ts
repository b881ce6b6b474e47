/**
 * A server's thread from its start to its end: opens the disk and the ports, and answers control calls.
 */

import { createHash } from 'node:crypto';
import { MessageChannel, threadId } from 'node:worker_threads';
import type { HashSecret } from '../bytes/byte-string.js';
import type { Receiver } from '../channel/channel.js';
import type { Port } from '../channel/port.js';
import { openChannel } from '../channel/port-channel.js';
import { NODE_ENVIRONMENT } from '../environment.js';
import { EVENTS_CAPACITY, setMaxValueBytes, TRAFFIC_CAPACITY } from '../limits.js';
import { LogTime } from '../log-time.js';
import { DiskStorage } from '../storage/disk-storage.js';
import { NODE_FILES } from '../storage/node-files.js';
import type { PeerNews, ServerEvent, ServerStart } from '../wire/control.js';
import { openServer, raftOptionsOf } from './open-server.js';
import { rehearse } from './rehearsal.js';
import type { Server } from './server.js';
import { type ControlledServer, takeCalls } from './thread-control.js';

/**
 * Runs one server until it is asked to stop. Rejects when its disk fails or an invariant breaks, after it has stopped
 * serving.
 */
export async function runServer(start: ServerStart): Promise<void> {
  const events = openChannel<ServerEvent, PeerNews>(start.ports.events, { capacity: EVENTS_CAPACITY });
  const report = (event: ServerEvent) => {
    // Fails only once the main thread is gone, and this thread with it.
    events.sender.send(event).catch(() => undefined);
  };
  report({ type: 'loaded', threadId });
  try {
    await serve(start, report, events.receiver);
  } finally {
    events.close();
    start.ports.control.close();
  }
}

async function serve(
  start: ServerStart,
  report: (event: ServerEvent) => void,
  peerNews: Receiver<PeerNews>,
): Promise<void> {
  setMaxValueBytes(start.maxValueBytes);
  if (start.etcd !== undefined) {
    const { serveFromEtcd } = await import('./etcd/run-etcd-server.js');
    await serveFromEtcd({ ...start, etcd: start.etcd }, report);
    return;
  }
  const raft = raftOptionsOf(start);
  // Meanwhile the disk is opened. Nothing depends on how far it comes.
  const rehearsal = rehearse({ environment: NODE_ENVIRONMENT, newPorts, raft }).catch(() => 0);
  const storage = await DiskStorage.open({
    files: NODE_FILES,
    directory: start.dataDir,
    owner: { clusterId: start.clusterId, serverId: start.id },
    fsync: start.fsync,
  });
  await rehearsal;
  await new Promise<void>((resolve, reject) => {
    openServer({
      environment: NODE_ENVIRONMENT,
      logTime: new LogTime(NODE_ENVIRONMENT, start.logTime),
      raft,
      storage,
      snapshotLogBytes: start.snapshotLogBytes,
      traffic: openChannel(start.ports.traffic, { capacity: TRAFFIC_CAPACITY }),
      addresses: start.clientAddresses,
      peerNews,
      hashSecret: hashSecretOf(start.clusterId),
      watchHistory: start.watchHistory,
      sessionName: sessionNameOf(start.clusterId),
      onEvent: report,
      onFailure: reject,
    }).then((server) => {
      takeCalls(controlled(server), { port: start.ports.control, report, onStopped: resolve });
    }, reject);
  });
}

function newPorts(): readonly [Port, Port] {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2];
}

/** A secret that all servers of a cluster share. Clients do not know it: they never see the cluster's id. */
function hashSecretOf(clusterId: string): HashSecret {
  const digest = digestOf(clusterId);
  return { k0: digest.readInt32LE(0), k1: digest.readInt32LE(4) };
}

/** 64 bits that clients may know, in hexadecimal digits. */
function sessionNameOf(clusterId: string): string {
  return digestOf(clusterId).toString('hex', 8, 16);
}

function digestOf(clusterId: string): Buffer {
  return createHash('sha256').update(clusterId).digest();
}

function controlled(server: Server): ControlledServer {
  return {
    turns: server.turns,
    status: () => server.view.status,
    measure: () => server.view.measure(),
    observe: () => server.view.observe(),
    setLinkFault: (peer, fault) => server.setLinkFault(peer, fault),
    transferLeadership: (target) => server.transferLeadership(target),
    members: () => server.memberChanges.view(),
    changeMembers: (voters) => server.memberChanges.begin(voters),
    backup: (port) => server.backup(port),
    stop: (timeoutMs) => server.stop(timeoutMs),
  };
}
