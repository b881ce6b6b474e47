/** The thread of a server whose keys are in etcd, from its start to its end. Loaded only with that engine. */

import { randomBytes } from 'node:crypto';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { openChannel } from '../../channel/port-channel.js';
import { NODE_ENVIRONMENT } from '../../environment.js';
import { HttpTransport } from '../../etcd/node/http-transport.js';
import { TRAFFIC_CAPACITY } from '../../limits.js';
import { LogTime } from '../../log-time.js';
import { LONG_TURN_MS, MAX_STOP_ANSWERING_MS } from '../../time-limits.js';
import type { EtcdAccess, ServerControl, ServerEvent, ServerStart } from '../../wire/control.js';
import { LoopWatch } from '../loop-watch.js';
import { measureThread } from '../thread-measurements.js';
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
      transport: new HttpTransport(start.etcd),
      prefix: start.etcd.prefix,
      hashSecret: { k0: secret.readInt32LE(0), k1: secret.readInt32LE(4) },
      onEvent: report,
      onFailure: reject,
    });
    const watch = new LoopWatch((blockedMs) => {
      const turn = server.turns.takeLongest();
      if (blockedMs > LONG_TURN_MS) report({ type: 'blocked', blockedMs, turn });
    });
    const stopped = () => {
      watch.stop();
      resolve();
    };
    Comlink.expose(controlOf(server, { stopped, watch }), nodeEndpoint(start.ports.control));
    report({ type: 'up', lastIndex: 0, term: 0 });
  });
}

function controlOf(
  server: EtcdServer,
  { stopped, watch }: { readonly stopped: () => void; readonly watch: LoopWatch },
): ServerControl {
  return {
    status: () => server.status,
    measure: () => ({ ...server.measure(), thread: measureThread(watch) }),
    observe: () => server.observe(),
    setLinkFault: ofRaft,
    transferLeadership: ofRaft,
    members: ofRaft,
    changeMembers: ofRaft,
    backup: ofRaft,
    block: (durationMs) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
    },
    stop: async () => {
      await server.stop(MAX_STOP_ANSWERING_MS);
      // The answer to this call leaves before the port closes.
      NODE_ENVIRONMENT.atEndOfTurn(stopped);
    },
  };
}

/** The cluster refuses these before it asks a server: see etcd-cluster.ts. */
function ofRaft(): never {
  throw new TypeError('a server whose keys are in etcd has no part in Raft');
}
