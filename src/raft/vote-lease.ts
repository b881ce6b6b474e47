/**
 * The vote lease: a server that hears from a leader disregards requests for its vote until a minimum election timeout has
 * passed (thesis 4.2.3). So nobody disturbs a leader that is alive, least of all a server that was removed and goes on
 * campaigning, and the leader's own lease can rely on it (6.4.1).
 *
 * It ends early when the leader's link closes: the leader has ended, and its lease with it. A server that has restarted
 * does not know whom it heard, so it grants no vote for one election timeout (TiKV 15035).
 */

import type { Core } from './core.js';
import type { VoteRefusal } from './trace.js';
import type { RequestVote, ServerId } from './types.js';

/** The current term's leader was heard: no other server gets a vote for a while. */
export function renewVoteLease(core: Core, leader: ServerId): void {
  core.voteLease = { leader, untilMs: core.nowMs + core.options.electionTimeoutMs };
}

/** The leader has ended: votes are free at once. */
export function endVoteLease(core: Core): void {
  core.voteLease = { leader: undefined, untilMs: core.nowMs };
}

/** Whether a leader relies on this server to refuse its vote: this server, or a leader that was heard in time. */
export function holdsVoteLease(core: Core): boolean {
  return core.role.name === 'leader' || core.nowMs < core.voteLease.untilMs;
}

/**
 * Whether a request for a vote in a later term is disregarded because a leader is alive (thesis 4.2.3): it is not answered,
 * and its term is not entered.
 */
export function isDisregarded(core: Core, message: RequestVote): boolean {
  return message.term > core.currentTerm && !message.leaseIsOver && holdsVoteLease(core);
}

/** The refusal of a server whose vote lease holds: a leader is alive, or may be. */
export function voteLeaseRefusal({ id, role, voteLease, nowMs }: Core): VoteRefusal {
  const leader = role.name === 'leader' ? id : voteLease.leader;
  return { reason: 'vote lease', leader, remainingMs: Math.max(0, voteLease.untilMs - nowMs) };
}
