/** What a routed connection learns from the router: who leads, and how long to wait for it. */

import type { Term } from '../raft/types.js';
import type { ServerTraffic } from './server-traffic.js';

/** Where a routed connection learns who leads. */
export interface LeaderSource {
  /** Traffic with the leader, if one is known and running. */
  readonly leader: ServerTraffic | undefined;
  /** A server says that it leads no more, and that `ledTerm` was the last term it led. */
  onRefusal(traffic: ServerTraffic, ledTerm: Term): void;
}

export interface RouterTimes {
  /** How long commands wait for a leader before they are answered `ERR_INTERNAL`. */
  readonly leaderWaitMs: number;
  /** How long a leader that is no more may take to tell what it did with the commands in flight. */
  readonly refusalGraceMs: number;
}
