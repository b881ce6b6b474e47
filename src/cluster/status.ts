/** What a cluster tells of itself. */

import type { GatewayMeasurements } from '../gateway/gateway.js';
import type { ServerId } from '../raft/types.js';
import type { ServerMeasurements, ServerStatus } from '../wire/control.js';

/**
 * What is known of one server. A stopped server is a follower without a leader, and the rest is what it said last: 0 and
 * null before it said anything.
 */
export interface MemberStatus extends Omit<ServerStatus, 'leader'> {
  /** `running` while it takes calls and clients. */
  readonly state: 'running' | 'stopped';
  /** Where its clients connect. */
  readonly host: string;
  readonly port: number;
}

export interface ClusterStatus {
  /** The server that leads and answers clients. */
  readonly leader: ServerId | null;
  /** By server id. */
  readonly servers: readonly MemberStatus[];
}

/** What a cluster has measured since it started. */
export interface ClusterMeasurements {
  /** By server id; undefined for a server that is down, or too busy to answer. */
  readonly servers: readonly (ServerMeasurements | undefined)[];
  readonly gateway: GatewayMeasurements;
}
