/** The status and the measurements of a cluster, for its operators. */

import type { GatewayMeasurements } from '../gateway/gateway.js';
import type { ServerId, SlotId } from '../raft/types.js';
import type {
  ServerMeasurements,
  ServerObservation,
  ServerStatus,
  ThreadMeasurements,
} from '../wire/control.js';

/**
 * What is known of one server. A stopped server is a follower without a leader, and the rest is what it said last: 0 and
 * null before it said anything.
 */
export interface MemberStatus extends Omit<ServerStatus, 'leader' | 'disk'> {
  /** `running` while it takes calls and clients. */
  readonly state: 'running' | 'stopped';
  /** What is wrong with it, in one line: with its disk while it runs, or why it does not run; null when nothing is. */
  readonly reason: string | null;
  /** Where its clients connect. */
  readonly host: string;
  readonly port: number;
}

export interface ClusterStatus {
  /** The server that leads and answers clients. */
  readonly leader: ServerId | null;
  /** The servers in the order of their ids. */
  readonly servers: readonly MemberStatus[];
}

/** What a cluster has measured since it started. */
export interface ClusterMeasurements {
  /** The main thread. */
  readonly main: ThreadMeasurements;
  /** The servers' measurements by id; undefined for a server that is down, or too busy to answer. */
  readonly servers: ReadonlyMap<ServerId, ServerMeasurements | undefined>;
  /** Servers that are down because their disks are lost or have failed. */
  readonly withoutDisk: readonly ServerId[];
  readonly gateway: GatewayMeasurements;
}

/** The observation as the cluster's user reads it: by ids, where servers know each other by identities. */
export function withIds(
  seen: ServerObservation,
  idOf: (identity: ServerId) => SlotId | undefined,
): ServerObservation {
  const known = (identity: ServerId | null) => (identity === null ? null : (idOf(identity) ?? null));
  const messages = seen.messages.flatMap((message) => {
    const [from, to] = [idOf(message.from), idOf(message.to)];
    return from === undefined || to === undefined ? [] : [{ ...message, from, to }];
  });
  const { id, leader, votedFor } = seen;
  return { ...seen, id: idOf(id) ?? id, messages, leader: known(leader), votedFor: known(votedFor) };
}
