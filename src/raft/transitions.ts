/**
 * All changes of role (figure 4 of the paper, with the pre-candidate of thesis 9.6). Nothing else changes a role, and each
 * change asserts that it is a legal one.
 */

import { invariant } from './assert.js';
import type { Core } from './core.js';
import { failFollowerReads } from './follower-reads.js';
import { appendNoOp } from './no-op.js';
import { Progress } from './progress.js';
import { ReadQueue } from './read-queue.js';
import type { PreCandidate } from './roles.js';
import type { StepDownReason } from './trace.js';
import type { RoleName, ServerId, Term } from './types.js';

/** From which roles each one can be reached. */
const LEGAL_ORIGINS: Readonly<Record<RoleName, readonly RoleName[]>> = {
  follower: ['follower', 'precandidate', 'candidate', 'leader'],
  precandidate: ['follower', 'precandidate', 'candidate'],
  candidate: ['follower', 'precandidate'],
  leader: ['candidate'],
};

/**
 * Becomes a follower in the current term, which has at most one leader. A leader's unanswered reads fail.
 *
 * @param leader the term's leader, if known
 * @param reason why, if it was not a follower before
 */
export function becomeFollower(core: Core, leader: ServerId | undefined, reason: StepDownReason): void {
  if (core.role.name === 'follower' && core.role.leader === leader) return;
  invariant(
    core.leader === undefined || leader === undefined,
    `two leaders in term ${core.currentTerm}: ${core.leader} and ${leader}`,
  );
  traceStepDown(core, reason);
  enterFollower(core, leader);
}

/** Enters a later term as a follower that knows no leader of it (§5.1). */
export function becomeFollowerOfTerm(core: Core, term: Term, of: ServerId): void {
  const { role } = core;
  const isSuccessor = role.name === 'leader' && role.transfer.successor === of;
  const reason: StepDownReason = isSuccessor
    ? { type: 'handed over', term, to: of }
    : { type: 'later term', term, of };
  traceStepDown(core, reason);
  core.raiseTerm(term);
  enterFollower(core, undefined);
}

/** Asks whether it could win an election; the term stays what it is (thesis 9.6). Its own answer is yes. */
export function becomePreCandidate(core: Core): PreCandidate {
  checkLegal(core, 'precandidate');
  failFollowerReads(core);
  const role: PreCandidate = { name: 'precandidate', votes: new Map([[core.id, true]]) };
  core.changeRole(role);
  core.resetElectionTimer();
  return role;
}

/** Enters the next term and votes for itself (§5.2). The vote is counted once it is on disk. */
export function becomeCandidate(core: Core): void {
  checkLegal(core, 'candidate');
  failFollowerReads(core);
  core.raiseTerm(core.currentTerm + 1);
  core.vote(core.id);
  core.changeRole({ name: 'candidate', votes: new Map() });
  core.resetElectionTimer();
}

/**
 * Has won the election of the current term (§5.2), and appends a no-op, which leaves at the end of the turn along with the
 * writes that waited for a leader.
 */
export function becomeLeader(core: Core): void {
  checkLegal(core, 'leader');
  invariant(core.hardState.votedFor === core.id, `server ${core.id} leads without its own vote`);
  const noOpIndex = appendNoOp(core);
  core.succession = undefined;
  core.changeRole({
    name: 'leader',
    progress: new Map([...core.peers].map((id) => [id, new Progress(noOpIndex, core.nowMs)])),
    noOpIndex,
    nextHeartbeatMs: core.nowMs + core.options.heartbeatMs,
    round: 0,
    reads: new ReadQueue(),
    transfer: { state: 'none', successor: undefined },
    change: { state: 'none' },
    actedUponIndex: undefined,
    forgetRemovedAtMs: Number.POSITIVE_INFINITY,
    settledIndex: noOpIndex,
    unsettledBytes: 0,
  });
}

function enterFollower(core: Core, leader: ServerId | undefined): void {
  const { role } = core;
  checkLegal(core, 'follower');
  failFollowerReads(core);
  if (role.name === 'leader') {
    core.failedReads.push(...role.reads.takeAll());
    if (role.change.state !== 'none') core.changeOutcome = { outcome: 'leadership lost' };
  }
  core.changeRole({ name: 'follower', leader, incoming: undefined });
  core.resetElectionTimer();
}

function checkLegal({ role, id }: Core, to: RoleName): void {
  invariant(LEGAL_ORIGINS[to].includes(role.name), `server ${id} becomes ${to} as a ${role.name}`);
}

function traceStepDown({ role, currentTerm, dependencies }: Core, reason: StepDownReason): void {
  if (role.name === 'follower') return;
  dependencies.trace?.({ type: 'stepped down', role: role.name, term: currentTerm, reason });
}
