/**
 * Leader election (§5.2): how a candidate asks for votes and counts them, and how another server grants its one vote of a term.
 * Whom it refuses besides is in election-restriction.ts and vote-lease.ts.
 */

import { votersOf } from './configuration.js';
import type { Core } from './core.js';
import { electionRestriction } from './election-restriction.js';
import { countVotes } from './quorum.js';
import { campaignOutOfTurn, electionBegun } from './succession.js';
import type { CampaignCause, ElectionPhase, VoteRefusal } from './trace.js';
import { becomeCandidate, becomeFollower, becomeLeader } from './transitions.js';
import type { PreVote, RequestVote, RequestVoteResponse } from './types.js';
import { holdsVoteLease, voteLeaseRefusal } from './vote-lease.js';

/**
 * Raises the term, votes for itself and asks for votes (§5.2). Its own vote counts once it is on disk; the others are asked
 * meanwhile. Only the log that the request names must be on disk already: a candidate that crashes, forgets this campaign and
 * begins another in the same term gets the same votes, and must not have lost entries that it got them for.
 *
 * @param leaseIsOver see {@link RequestVote}
 */
export function startElection(
  core: Core,
  { leaseIsOver, cause }: { readonly leaseIsOver: boolean; readonly cause: CampaignCause },
): void {
  electionBegun(core);
  becomeCandidate(core);
  const { id: from, currentTerm: term } = core;
  const ownLog = core.log.last;
  core.dependencies.trace?.({ type: 'election begun', phase: 'vote', term, ownLog, cause });
  const isLogDurable = core.persistence.durableIndex === core.log.lastIndex;
  const { index: lastLogIndex, term: lastLogTerm } = ownLog;
  for (const { id: to } of votersOf(core.configuration)) {
    if (to === from) continue;
    const request: RequestVote = {
      type: 'RequestVote',
      from,
      to,
      term,
      lastLogIndex,
      lastLogTerm,
      leaseIsOver,
    };
    if (isLogDurable) core.send(request);
    else core.sendWhenDurable(request);
  }
}

/** The message's term is the current one. At most one vote a term, and only for an up-to-date log (§5.2, §5.4.1). */
export function onRequestVote(core: Core, message: RequestVote): void {
  const refusal = refusalOf(core, message);
  if (refusal === undefined) {
    electionBegun(core);
    core.vote(message.from);
    becomeFollower(core, undefined, { type: 'voted for', candidate: message.from });
    core.resetElectionTimer();
  } else if (refusal.reason === 'log behind') campaignOutOfTurn(core);
  respondOnceVoteIsDurable(core, message, refusal);
}

/** Answers only once it is on disk: a vote, and the term in which it was refused, must not be forgotten (figure 2). */
export function respondOnceVoteIsDurable(
  core: Core,
  message: RequestVote,
  refusal: VoteRefusal | undefined,
): void {
  traceVote(core, 'vote', message, refusal);
  core.sendWhenDurable({
    type: 'RequestVoteResponse',
    from: core.id,
    to: message.from,
    term: core.currentTerm,
    voteGranted: refusal === undefined,
  });
}

function refusalOf(core: Core, message: RequestVote): VoteRefusal | undefined {
  const secondVote = oneVotePerTerm(core, message);
  if (secondVote !== undefined) return secondVote;
  if (!message.leaseIsOver && holdsVoteLease(core)) return voteLeaseRefusal(core);
  return electionRestriction(core, message);
}

/** A server that has voted in this term votes for no other server in it (§5.2). */
function oneVotePerTerm({ hardState: { votedFor } }: Core, message: RequestVote): VoteRefusal | undefined {
  if (votedFor === undefined || votedFor === message.from) return undefined;
  return { reason: 'already voted', votedFor };
}

/** Tells who listens how another server's wish for a vote was answered. */
export function traceVote(
  core: Core,
  phase: ElectionPhase,
  message: RequestVote | PreVote,
  refusal: VoteRefusal | undefined,
): void {
  core.dependencies.trace?.({
    type: 'vote asked for',
    phase,
    candidate: message.from,
    term: message.term,
    currentTerm: core.currentTerm,
    candidateLog: { index: message.lastLogIndex, term: message.lastLogTerm },
    ownLog: core.log.last,
    refusal,
  });
}

export function onRequestVoteResponse(core: Core, message: RequestVoteResponse): void {
  const { role } = core;
  if (role.name !== 'candidate') return;
  role.votes.set(message.from, message.voteGranted);
  endElectionIfDecided(core);
}

/** More is on disk: if the candidate's vote for itself is, it counts from now on. */
export function countOwnVoteOnDisk(core: Core): void {
  const { role, id, currentTerm } = core;
  if (role.name !== 'candidate') return;
  const { durableHardState } = core.persistence;
  if (durableHardState.currentTerm !== currentTerm || durableHardState.votedFor !== id) return;
  role.votes.set(id, true);
  endElectionIfDecided(core);
}

function endElectionIfDecided(core: Core): void {
  const { role, currentTerm: term } = core;
  if (role.name !== 'candidate') return;
  switch (countVotes(core.quorum, role.votes)) {
    case 'won':
      // Without its own vote on disk it could lead the same term twice, the second time with a shorter log.
      if (!role.votes.has(core.id)) return;
      core.dependencies.trace?.({ type: 'election won', term, votes: voters(role.votes, { granted: true }) });
      becomeLeader(core);
      return;
    case 'lost':
      loseElection(core, 'vote', role.votes);
      return;
    case 'pending':
      return;
  }
}

/** This server has lost an election, or has learned by a pre-vote that it would. */
export function loseElection(core: Core, phase: ElectionPhase, votes: ReadonlyMap<number, boolean>): void {
  const term = phase === 'vote' ? core.currentTerm : core.currentTerm + 1;
  const { trace } = core.dependencies;
  trace?.({ type: 'election lost', phase, term, refusedBy: voters(votes, { granted: false }) });
  becomeFollower(core, undefined, { type: 'election lost' });
}

function voters(votes: ReadonlyMap<number, boolean>, { granted }: { readonly granted: boolean }): number[] {
  return [...votes].filter(([, vote]) => vote === granted).map(([id]) => id);
}
