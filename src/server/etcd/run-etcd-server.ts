/** The thread of a server whose keys are in etcd, from its start to its end. Loaded only with that engine. */

import { randomBytes } from 'node:crypto';
import { openChannel } from '../../channel/port-channel.js';
import { NODE_ENVIRONMENT } from '../../environment.js';
import { GrpcTransport } from '../../etcd/node/grpc-transport.js';
import { TRAFFIC_CAPACITY } from '../../limits.js';
import { LogTime } from '../../log-time.js';
import type { EtcdAccess, ServerEvent, ServerStart } from '../../wire/control.js';
import { type ControlledServer, takeCalls } from '../thread-control.js';
import { EtcdServer } from './etcd-server.js';

/** Runs the server until it is asked to stop. Rejects when it fails, after it has stopped serving. */
export async function serveFromEtcd(
  start: ServerStart & { readonly etcd: EtcdAccess },
  report: (event: ServerEvent) => void,
): Promise<void> {
  const secret = randomBytes(8);
  await new Promise<void>((resolve, reject) => {
    const server = new EtcdServer({
      environment: NODE_ENVIRONMENT,
      logTime: new LogTime(NODE_ENVIRONMENT, start.logTime),
      id: start.id,
      slot: start.slot,
      traffic: openChannel(start.ports.traffic, { capacity: TRAFFIC_CAPACITY }),
      addresses: start.clientAddresses,
      transport: new GrpcTransport(start.etcd),
      prefix: start.etcd.prefix,
      hashSecret: { k0: secret.readInt32LE(0), k1: secret.readInt32LE(4) },
      watchHistory: start.watchHistory,
      onEvent: report,
      onFailure: reject,
    });
    takeCalls(controlled(server), { port: start.ports.control, report, onStopped: resolve });
    report({ type: 'up', lastIndex: 0, term: 0 });
  });
}

function controlled(server: EtcdServer): ControlledServer {
  return {
    turns: server.turns,
    status: () => server.status,
    measure: () => server.measure(),
    observe: () => server.observe(),
    setLinkFault: ofRaft,
    transferLeadership: ofRaft,
    members: ofRaft,
    changeMembers: ofRaft,
    backup: ofRaft,
    stop: (timeoutMs) => server.stop(timeoutMs),
  };
}

/** The cluster refuses these before it asks a server: see etcd-cluster.ts. */
function ofRaft(): never {
  throw new TypeError('a server whose keys are in etcd has no part in Raft');
}
