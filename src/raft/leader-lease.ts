/**
 * The leader's lease: until when it may read its own state without asking anybody (thesis 6.4.1).
 *
 * The answers of a majority grant it, from the moment when the answered messages were *sent*: those servers hold a vote lease
 * (see vote-lease.ts) that began later, so nobody can be elected before this one ends.
 */

import type { Core } from './core.js';
import { reachedInForce } from './leader-quorum.js';
import type { Progress } from './progress.js';
import type { Leader } from './roles.js';

/**
 * Until when no other leader can be elected, in ms of this leader's clock. In the past once leadership was offered to another
 * server in this term: that server may campaign at any later time, and its votes disregard the lease (etcd 12704). A leader
 * without a vote has no lease: a sole remaining voter starts without waiting for one to end.
 */
export function leaseEndMs(core: Core, role: Leader): number {
  const { leaseMs } = core.options;
  if (leaseMs === 0 || role.transfer.successor !== undefined) return Number.NEGATIVE_INFINITY;
  if (!core.hasVote) return Number.NEGATIVE_INFINITY;
  return reachedInForce(core, role, core.nowMs, answeredSentAtMsOf) + leaseMs;
}

function answeredSentAtMsOf({ answeredSentAtMs }: Progress): number {
  return answeredSentAtMs;
}
