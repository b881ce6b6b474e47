/**
 * The successor of a leader that has ended: its link closed, so it serves nobody any more and its lease is over.
 *
 * The voters campaign in the order of their ids, around the ring that begins after the ended leader's. The first one needs
 * no pre-vote: there is no leader that it could disturb. Timers for all this are in election-timeout.ts.
 */

import { idOf, votersOf } from './configuration.js';
import type { Core } from './core.js';
import { becomeFollower } from './transitions.js';
import type { ServerId } from './types.js';

/** A vote waits for a disk: an election in progress gets more time than a pre-vote. */
const ATTEMPTS_BEFORE_VOTES = 3;

/** A voter's place in the order of campaigns, from 0 on. The ended leader need not be among the voters. */
function rankOf(voter: ServerId, endedLeader: ServerId, voters: readonly ServerId[]): number {
  const ascending = [...voters].sort((a, b) => a - b);
  const higher = ascending.filter((id) => id > endedLeader);
  const lower = ascending.filter((id) => id < endedLeader);
  return [...higher, ...lower].indexOf(voter);
}

/**
 * A leader has ended, of this term or an earlier one. A server that has voted since then for another candidate waits until
 * that election is decided.
 */
export function startSuccession(core: Core, endedLeader: ServerId): void {
  const { votedFor } = core.hardState;
  const endedTerm = core.leader === endedLeader ? core.currentTerm : undefined;
  if (endedTerm !== undefined) becomeFollower(core, undefined, { type: 'leader ended', leader: endedLeader });
  const isElecting = endedTerm === undefined && votedFor !== undefined && votedFor !== endedLeader;
  if (!core.hasVote) return;
  const rank = rankOf(core.id, endedLeader, votersOf(core.configuration).map(idOf));
  core.succession = { rank, endedTerm, attempts: isElecting ? ATTEMPTS_BEFORE_VOTES : 0 };
  core.resetElectionTimer();
}

/** Whether this server is the first to campaign after the leader of the current term has ended, and has not yet. */
export function isFirstSuccessor({ succession, currentTerm }: Core): boolean {
  return succession?.rank === 0 && succession.attempts === 0 && succession.endedTerm === currentTerm;
}

/** This server asks others whether an election could be won: its next attempt comes later. */
export function preVoteBegun({ succession }: Core): void {
  if (succession !== undefined) succession.attempts += 1;
}

/** An election has begun, this server's or one that it votes in: its next attempt waits until that can be decided. */
export function electionBegun({ succession }: Core): void {
  if (succession === undefined) return;
  succession.attempts = Math.max(succession.attempts + 1, ATTEMPTS_BEFORE_VOTES);
}

/** If the only reason to refuse a candidate is its log, this server campaigns at once, where a successor is wanted. */
export function campaignOutOfTurn(core: Core): void {
  if (core.succession?.attempts === 0) core.electionDeadlineMs = core.nowMs;
}
