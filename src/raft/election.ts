/**
 * Leader election (§5.2, §5.4.1), with pre-vote (thesis 9.6) and the refusal to depose a live leader (thesis 4.2.3).
 */

import type { Core } from './core.js';
import { Progress } from './progress.js';
import { countVotes } from './quorum.js';
import { ReadQueue } from './reads.js';
import { leaderPersisted } from './replication.js';
import type {
  PreVote,
  PreVoteResponse,
  RequestVote,
  RequestVoteResponse,
  ServerId,
  TimeoutNow,
} from './types.js';

/** A vote waits for a disk: an election in progress is not given up as quickly as a pre-vote. */
const ATTEMPTS_BEFORE_VOTES = 3;

/**
 * The leader, or who was it last, has ended. The first heir of the current term's leader needs no pre-vote: that leader's
 * lease is over whether or not the others have noticed, and they have no other leader to lose. Who has already voted for
 * somebody else lets that one finish.
 */
export function startSuccession(core: Core, deadLeader: ServerId): void {
  const { votedFor } = core.hardState;
  const endedTerm = core.leader === deadLeader ? core.currentTerm : undefined;
  if (endedTerm !== undefined) core.role = { name: 'follower', leader: undefined, incoming: undefined };
  const isElecting = endedTerm === undefined && votedFor !== undefined && votedFor !== deadLeader;
  core.startSuccession(deadLeader, { endedTerm, attempts: isElecting ? ATTEMPTS_BEFORE_VOTES : 0 });
}

/** The election timer has run out. Everybody but a dead leader's first heir asks first whether an election could be won. */
export function campaign(core: Core): void {
  const isHeir = core.isFirstHeir;
  slowDownSuccession(core);
  if (isHeir) startElection(core, { leaseIsOver: true });
  else startPreVote(core);
}

/** Asks whether an election could be won. */
function startPreVote(core: Core): void {
  const votes = new Map([[core.id, true]]);
  core.role = { name: 'precandidate', votes };
  core.resetElectionTimer();
  if (countVotes(votes, core.options.servers.length) === 'won') {
    startElection(core, { leaseIsOver: false });
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

/**
 * Raises the term, votes for itself and asks for votes (§5.2). Its own vote counts once it is on disk; the others are asked
 * meanwhile. Only the log that they are told of must be there already: a candidate that crashes, forgets this campaign and
 * begins another in the same term gets the same votes, and must not have lost what it got them for.
 */
function startElection(core: Core, { leaseIsOver }: { leaseIsOver: boolean }): void {
  slowDownSuccession(core, ATTEMPTS_BEFORE_VOTES);
  core.raiseTerm(core.currentTerm + 1);
  core.vote(core.id);
  core.role = { name: 'candidate', votes: new Map() };
  core.resetElectionTimer();
  const isLogDurable = core.persistence.durableIndex === core.log.lastIndex;
  const { index: lastLogIndex, term: lastLogTerm } = core.log.last;
  for (const to of core.peers) {
    const request: RequestVote = {
      type: 'RequestVote',
      from: core.id,
      to,
      term: core.currentTerm,
      candidateId: core.id,
      lastLogIndex,
      lastLogTerm,
      leaseIsOver,
    };
    if (isLogDurable) core.send(request);
    else core.sendWhenDurable(request);
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
  if (core.role.name !== 'follower' || core.role.leader !== message.from || core.installing !== undefined)
    return;
  startElection(core, { leaseIsOver: true });
}

/** A dead leader's successor is wanted, and only the log of the one that asks is in the way: no waiting for one's turn. */
function campaignOutOfTurn(core: Core): void {
  if (core.succession?.attempts === 0) core.electionDeadlineMs = core.nowMs;
}

/** Grants a pre-vote where it would grant the vote. Promises nothing. */
export function onPreVote(core: Core, message: PreVote): void {
  const isFree = message.term > core.currentTerm && !isBoundToLeader(core);
  const isUpToDate = core.log.isUpToDate({ index: message.lastLogIndex, term: message.lastLogTerm });
  const voteGranted = isFree && isUpToDate;
  if (isFree && !isUpToDate) campaignOutOfTurn(core);
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
      startElection(core, { leaseIsOver: false });
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
  const isBound = isBoundToLeader(core) && !message.leaseIsOver;
  const voteGranted = isFree && isUpToDate && !isBound;
  if (voteGranted) {
    slowDownSuccession(core, ATTEMPTS_BEFORE_VOTES);
    core.vote(message.candidateId);
    core.becomeFollower(undefined);
    core.resetElectionTimer();
  } else if (isFree && !isUpToDate) campaignOutOfTurn(core);
  respondToVote(core, message.from, { voteGranted });
}

export function respondToVote(
  core: Core,
  to: ServerId,
  { voteGranted }: Pick<RequestVoteResponse, 'voteGranted'>,
): void {
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
  const { role } = core;
  if (role.name !== 'candidate') return;
  switch (countVotes(role.votes, core.options.servers.length)) {
    case 'won':
      // Without its own vote on disk it could lead the same term twice, the second time with a shorter log.
      if (role.votes.has(core.id)) becomeLeader(core);
      return;
    case 'lost':
      core.becomeFollower(undefined);
      return;
    case 'pending':
      return;
  }
}

/**
 * Appends a no-op, so that what earlier leaders left can be committed (§5.4.2, §8). It leaves at the end of the turn, along
 * with what clients were waiting to have proposed.
 */
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
  leaderPersisted(core);
}

const NO_OP = new Uint8Array(0);
