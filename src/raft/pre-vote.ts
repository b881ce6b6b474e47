/**
 * Pre-vote (thesis 9.6): before a server raises its term it asks whether it could win. So a server that was cut off does not
 * disturb the others with a grown term when it comes back.
 */

import { votersOf } from './configuration.js';
import type { Core } from './core.js';
import { loseElection, startElection, traceVote } from './election.js';
import { electionRestriction } from './election-restriction.js';
import { countVotes } from './quorum.js';
import { campaignOutOfTurn, isFirstSuccessor, preVoteBegun } from './succession.js';
import type { VoteRefusal } from './trace.js';
import { becomePreCandidate } from './transitions.js';
import type { PreVote, PreVoteResponse } from './types.js';
import { holdsVoteLease, voteLeaseRefusal } from './vote-lease.js';

/** The election timer has run out. Everybody but an ended leader's first successor asks first whether it could win. */
export function campaign(core: Core): void {
  if (isFirstSuccessor(core)) startElection(core, { leaseIsOver: true, cause: 'first successor' });
  else startPreVote(core);
}

function startPreVote(core: Core): void {
  preVoteBegun(core);
  const { votes } = becomePreCandidate(core);
  const { id: from } = core;
  const term = core.currentTerm + 1;
  const ownLog = core.log.last;
  const cause = 'election timeout';
  core.dependencies.trace?.({ type: 'election begun', phase: 'pre-vote', term, ownLog, cause });
  if (countVotes(core.quorum, votes) === 'won') {
    startElection(core, { leaseIsOver: false, cause: 'pre-vote won' });
    return;
  }
  const { index: lastLogIndex, term: lastLogTerm } = ownLog;
  for (const { id: to } of votersOf(core.configuration))
    if (to !== from) core.send({ type: 'PreVote', from, to, term, lastLogIndex, lastLogTerm });
}

/** Grants a pre-vote where it would grant the vote. Nothing has to be on disk for it: it binds nobody. */
export function onPreVote(core: Core, message: PreVote): void {
  const refusal = refusalOf(core, message);
  traceVote(core, 'pre-vote', message, refusal);
  if (refusal?.reason === 'log behind') campaignOutOfTurn(core);
  const voteGranted = refusal === undefined;
  core.send({
    type: 'PreVoteResponse',
    from: core.id,
    to: message.from,
    term: voteGranted ? message.term : core.currentTerm,
    voteGranted,
  });
}

function refusalOf(core: Core, message: PreVote): VoteRefusal | undefined {
  if (message.term <= core.currentTerm) return { reason: 'old term' };
  if (holdsVoteLease(core)) return voteLeaseRefusal(core);
  return electionRestriction(core, message);
}

export function onPreVoteResponse(core: Core, message: PreVoteResponse): void {
  const { role } = core;
  if (role.name !== 'precandidate') return;
  if (message.voteGranted && message.term !== core.currentTerm + 1) return;
  role.votes.set(message.from, message.voteGranted);
  switch (countVotes(core.quorum, role.votes)) {
    case 'won':
      startElection(core, { leaseIsOver: false, cause: 'pre-vote won' });
      return;
    case 'lost':
      loseElection(core, 'pre-vote', role.votes);
      return;
    case 'pending':
      return;
  }
}
