/**
 * Leader election (§5.2, §5.4.1), with pre-vote (thesis 9.6) and the refusal to depose a live leader (thesis 4.2.3).
 */

import type { Core } from './core.js';
import { Progress } from './progress.js';
import { countVotes } from './quorum.js';
import { ReadQueue } from './reads.js';
import { broadcastHeartbeat, leaderPersisted } from './replication.js';
import type {
  PreVote,
  PreVoteResponse,
  RequestVote,
  RequestVoteResponse,
  ServerId,
  TimeoutNow,
} from './types.js';

/** A vote waits for two disks, one after the other: an election in progress is not given up as quickly as a pre-vote. */
const ATTEMPTS_BEFORE_VOTES = 3;

/** The election timeout has run out: ask whether an election could be won. */
export function startPreVote(core: Core): void {
  slowDownSuccession(core);
  const votes = new Map([[core.id, true]]);
  core.role = { name: 'precandidate', votes };
  core.resetElectionTimer();
  if (countVotes(votes, core.options.servers.length) === 'won') {
    startElection(core, { leadershipTransfer: false });
    return;
  }
  const { index: lastLogIndex, term: lastLogTerm } = core.log.last;
  for (const to of core.peers) {
    core.send({ type: 'PreVote', from: core.id, to, term: core.currentTerm + 1, lastLogIndex, lastLogTerm });
  }
}

/** One more try to find a successor for a dead leader: the next one waits longer, at least as after `atLeast` tries. */
function slowDownSuccession(core: Core, atLeast = 0): void {
  if (core.succession === undefined) return;
  core.succession.attempts = Math.max(core.succession.attempts + 1, atLeast);
}

/** Raises the term, votes for itself and asks for votes, all of which leaves once that vote is on disk (§5.2). */
function startElection(core: Core, { leadershipTransfer }: { leadershipTransfer: boolean }): void {
  slowDownSuccession(core, ATTEMPTS_BEFORE_VOTES);
  core.raiseTerm(core.currentTerm + 1);
  core.vote(core.id);
  core.role = { name: 'candidate', votes: new Map() };
  core.resetElectionTimer();
  const { index: lastLogIndex, term: lastLogTerm } = core.log.last;
  for (const to of core.peers) {
    core.sendWhenDurable({
      type: 'RequestVote',
      from: core.id,
      to,
      term: core.currentTerm,
      candidateId: core.id,
      lastLogIndex,
      lastLogTerm,
      leadershipTransfer,
    });
  }
}

/** The disk has caught up: a candidate's vote for itself counts from now on. */
export function candidatePersisted(core: Core): void {
  const { role, id, currentTerm } = core;
  if (role.name !== 'candidate') return;
  const { durableHardState } = core.persistence;
  if (durableHardState.currentTerm !== currentTerm || durableHardState.votedFor !== id) return;
  role.votes.set(id, true);
  countElection(core);
}

/** The leader asks this server to take over (thesis 3.10): no pre-vote, no waiting. */
export function onTimeoutNow(core: Core, message: TimeoutNow): void {
  if (core.role.name !== 'follower' || core.role.leader !== message.from) return;
  startElection(core, { leadershipTransfer: true });
}

/**
 * Grants a pre-vote where it would grant the vote. Promises nothing. When a dead leader's successor is wanted, and only
 * the log of the one that asks is in the way, this server need not wait for its own turn.
 */
export function onPreVote(core: Core, message: PreVote): void {
  const isFree = message.term > core.currentTerm && !isBoundToLeader(core);
  const isUpToDate = core.log.isUpToDate({ index: message.lastLogIndex, term: message.lastLogTerm });
  const voteGranted = isFree && isUpToDate;
  if (isFree && !isUpToDate && core.succession?.attempts === 0) core.electionDeadlineMs = core.nowMs;
  core.send({
    type: 'PreVoteResponse',
    from: core.id,
    to: message.from,
    term: voteGranted ? message.term : core.currentTerm,
    voteGranted,
  });
}

export function onPreVoteResponse(core: Core, message: PreVoteResponse): void {
  const { role } = core;
  if (role.name !== 'precandidate') return;
  if (message.voteGranted && message.term !== core.currentTerm + 1) return;
  role.votes.set(message.from, message.voteGranted);
  switch (countVotes(role.votes, core.options.servers.length)) {
    case 'won':
      startElection(core, { leadershipTransfer: false });
      return;
    case 'lost':
      core.becomeFollower(undefined);
      return;
    case 'pending':
      return;
  }
}

/**
 * Whether a vote for another server must be refused because a leader relies on this one: it heard from a leader
 * within the last election timeout, or it restarted so recently that it may have.
 */
export function isBoundToLeader(core: Core): boolean {
  return core.role.name === 'leader' || core.nowMs < core.promise.untilMs;
}

/** The message's term is the current one. At most one vote a term, and only for an up-to-date log (§5.2, §5.4.1). */
export function onRequestVote(core: Core, message: RequestVote): void {
  const { votedFor } = core.hardState;
  const isFree = votedFor === undefined || votedFor === message.candidateId;
  const isUpToDate = core.log.isUpToDate({ index: message.lastLogIndex, term: message.lastLogTerm });
  const isBound = isBoundToLeader(core) && !message.leadershipTransfer;
  const voteGranted = isFree && isUpToDate && !isBound;
  if (voteGranted) {
    slowDownSuccession(core, ATTEMPTS_BEFORE_VOTES);
    core.vote(message.candidateId);
    core.becomeFollower(undefined);
    core.resetElectionTimer();
  }
  respondToVote(core, message.from, voteGranted);
}

export function respondToVote(core: Core, to: ServerId, voteGranted: boolean): void {
  core.sendWhenDurable({
    type: 'RequestVoteResponse',
    from: core.id,
    to,
    term: core.currentTerm,
    voteGranted,
  });
}

export function onRequestVoteResponse(core: Core, message: RequestVoteResponse): void {
  const { role } = core;
  if (role.name !== 'candidate') return;
  role.votes.set(message.from, message.voteGranted);
  countElection(core);
}

function countElection(core: Core): void {
  if (core.role.name !== 'candidate') return;
  switch (countVotes(core.role.votes, core.options.servers.length)) {
    case 'won':
      becomeLeader(core);
      return;
    case 'lost':
      core.becomeFollower(undefined);
      return;
    case 'pending':
      return;
  }
}

/** Appends a no-op, so that what earlier leaders left can be committed (§5.4.2, §8), and tells everyone. */
function becomeLeader(core: Core): void {
  const nextIndex = core.log.lastIndex + 1;
  core.succession = undefined;
  core.role = {
    name: 'leader',
    progress: new Map(core.peers.map((id) => [id, new Progress(nextIndex, core.nowMs)])),
    termStartIndex: nextIndex,
    nextHeartbeatMs: core.nowMs + core.options.heartbeatMs,
    round: 0,
    reads: new ReadQueue(),
    transfer: { state: 'none', leaseForfeited: false },
  };
  core.log.append({ index: nextIndex, term: core.currentTerm, payload: NO_OP });
  broadcastHeartbeat(core, core.role);
  leaderPersisted(core);
}

const NO_OP = new Uint8Array(0);
