/**
 * Leadership transfer (thesis 3.10): the leader takes no more proposals, waits until its successor has the whole log, and
 * asks it to campaign at once (TimeoutNow). What does not succeed within an election timeout is given up. Where its disk works
 * it also waits until all is committed: what a deposed leader has not committed has an unknown outcome.
 */

import { hasVoter } from './configuration.js';
import type { Core } from './core.js';
import { startElection } from './election.js';
import type { Leader } from './roles.js';
import type { ServerId, TimeoutNow } from './types.js';

/** Why leadership cannot be handed over. */
export class TransferError extends Error {
  readonly code = 'TRANSFER_REFUSED';

  constructor(reason: string) {
    super(`leadership cannot be handed over: ${reason}`);
    this.name = 'TransferError';
  }
}

/**
 * Starts to hand over to `target`. When a transfer is under way, its deadline stays: requests that are repeated do not keep
 * the leader from taking proposals. Throws {@link TransferError} when this server does not lead `target`.
 */
export function startTransfer(core: Core, target: ServerId): void {
  const { role } = core;
  if (role.name !== 'leader') throw new TransferError(`server ${core.id} is not the leader`);
  if (target === core.id) return;
  if (role.transfer.state === 'leaving') throw new TransferError(`server ${core.id} is no member any more`);
  if (!hasVoter(core.configuration, target)) throw new TransferError(`server ${target} has no vote`);
  const deadlineMs =
    role.transfer.state === 'pending'
      ? role.transfer.deadlineMs
      : core.nowMs + core.options.electionTimeoutMs;
  role.transfer = { state: 'pending', target, deadlineMs, successor: role.transfer.successor };
  continueTransfer(core, role);
}

/** The target may be able to take over by now: ask it to. From then on no lease holds in this term. */
export function continueTransfer(core: Core, role: Leader): void {
  if (role.transfer.state !== 'pending') return;
  const { target, successor } = role.transfer;
  if (!hasVoter(core.configuration, target)) {
    role.transfer = { state: 'none', successor };
    return;
  }
  const { lastIndex } = core.log;
  if (role.progress.get(target)?.matchIndex !== lastIndex) return;
  if (core.commitIndex < lastIndex && !core.isDiskStalled) return;
  role.transfer = { ...role.transfer, successor: target };
  core.send({ type: 'TimeoutNow', from: core.id, to: target, term: core.currentTerm });
}

/** Gives up a transfer that takes too long; proposals are accepted again, the lease stays lost. */
export function expireTransfer(core: Core, role: Leader): void {
  if (role.transfer.state !== 'pending' || core.nowMs < role.transfer.deadlineMs) return;
  role.transfer = { state: 'none', successor: role.transfer.successor };
}

/** The leader asks this server to take over (TimeoutNow, thesis 3.10): no pre-vote, no waiting. */
export function onTimeoutNow(core: Core, message: TimeoutNow): void {
  if (core.role.name !== 'follower' || core.role.leader !== message.from || core.installing !== undefined)
    return;
  // A learner does not lead, nor does a server that was removed (thesis 4.2.1, 4.2.2).
  if (!core.hasVote || core.isDiskStalled) return;
  startElection(core, { leaseIsOver: true, cause: 'asked to take over' });
}

/**
 * The voter to hand over to: it has the whole log, and was heard later than others which have. A voter that was asked before is
 * asked again only if there is no other.
 */
export function successorOf(
  { configuration, log }: Core,
  { progress, transfer }: Leader,
): ServerId | undefined {
  const complete = [...progress].filter(
    ([id, { matchIndex }]) => matchIndex >= log.lastIndex && hasVoter(configuration, id),
  );
  const unasked = complete.filter(([id]) => id !== transfer.successor);
  const latestFirst = (unasked.length > 0 ? unasked : complete).sort(
    ([, one], [, other]) => other.lastHeardMs - one.lastHeardMs,
  );
  return latestFirst[0]?.[0];
}
