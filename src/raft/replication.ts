/**
 * Log replication with AppendEntries (§5.3): the leader's side, which pipelines entries within limits (thesis 10.2.1), and the
 * follower's, with the consistency check. What is committed is in commit.ts.
 */

import { invariant } from './assert.js';
import { commitWhatMajorityHas } from './commit.js';
import type { Core } from './core.js';
import { appendSent, type Progress } from './progress.js';
import { confirmReads, echoOf } from './reads.js';
import type { Leader } from './roles.js';
import { resendLostChunks, sendChunks, startSnapshot } from './snapshot.js';
import { isDiskStalled } from './stalled-disk.js';
import { continueTransfer } from './transfer.js';
import type { AppendEntries, AppendEntriesResponse, Echo, LogIndex, ServerId } from './types.js';

// The leader's side.

/** Sends every follower something, with entries where there are any to send: a new round. */
export function broadcastHeartbeat(core: Core, role: Leader): void {
  role.round += 1;
  role.reads.needsRound = false;
  role.nextHeartbeatMs = core.nowMs + core.options.heartbeatMs;
  for (const [peer, progress] of role.progress) {
    if (progress.state.name === 'snapshot') resendLostChunks(core, progress.state);
    if (replicateTo(core, role, peer, progress) === 0)
      sendAppend(core, role, peer, progress, { maxBytes: 0 });
  }
  // Alone, a leader is the majority that answers.
  confirmReads(core, role);
}

/**
 * Sends every follower the entries it lacks, as far as its limits allow; a new round of heartbeats, too, if reads wait for
 * one. Once a turn, so each follower gets one message for all that the turn has brought.
 */
export function sendDueAppends(core: Core, role: Leader): void {
  if (role.reads.needsRound) broadcastHeartbeat(core, role);
  else for (const [peer, progress] of role.progress) replicateTo(core, role, peer, progress);
}

/** Sends one follower what it lacks; returns how many messages with entries or data left. */
function replicateTo(core: Core, role: Leader, peer: ServerId, progress: Progress): number {
  const { maxAppendBytes, maxInflightMessages, maxInflightBytes } = core.options;
  const nextIndex = progress.state.name === 'snapshot' ? undefined : progress.state.nextIndex;
  if (nextIndex !== undefined && nextIndex <= core.log.start.index) startSnapshot(core, progress);
  const { state } = progress;
  let sent = 0;
  switch (state.name) {
    case 'probe':
      if (state.awaitsAnswer || state.nextIndex > core.log.lastIndex) return 0;
      sendAppend(core, role, peer, progress, { maxBytes: maxAppendBytes });
      progress.probeSent();
      return 1;
    case 'replicate':
      while (
        state.nextIndex <= core.log.lastIndex &&
        state.inflight.length < maxInflightMessages &&
        state.inflightBytes < maxInflightBytes
      ) {
        const { lastIndex, byteCount } = sendAppend(core, role, peer, progress, { maxBytes: maxAppendBytes });
        appendSent(state, lastIndex, byteCount);
        sent += 1;
      }
      return sent;
    case 'snapshot':
      return sendChunks(core, role, peer, progress);
  }
}

/** Sends one AppendEntries with entries of up to `maxBytes` (0: none), and says what it held. */
function sendAppend(
  core: Core,
  role: Leader,
  to: ServerId,
  progress: Progress,
  { maxBytes }: { maxBytes: number },
): { lastIndex: LogIndex; byteCount: number } {
  const { state } = progress;
  // A follower that waits for a snapshot has nothing to agree on yet: position 0 is in every log.
  const prevLogIndex = state.name === 'snapshot' ? 0 : state.nextIndex - 1;
  const prevLogTerm = prevLogIndex === 0 ? 0 : core.log.termAt(prevLogIndex);
  invariant(prevLogTerm !== undefined, `the term of entry ${prevLogIndex} is unknown`);
  const entries = maxBytes === 0 ? [] : core.log.sliceBytes(prevLogIndex + 1, maxBytes);
  core.send({
    type: 'AppendEntries',
    from: core.id,
    to,
    term: core.currentTerm,
    prevLogIndex,
    prevLogTerm,
    entries,
    leaderCommit: core.commitIndex,
    echo: echoOf(core, role),
  });
  const byteCount = entries.reduce((sum, entry) => sum + entry.payload.byteLength, 0);
  return { lastIndex: prevLogIndex + entries.length, byteCount };
}

export function onAppendEntriesResponse(core: Core, message: AppendEntriesResponse): void {
  const { role } = core;
  if (role.name !== 'leader' || message.result.outcome === 'stale') return;
  const progress = role.progress.get(message.from);
  if (progress === undefined) return;
  progress.heard(message.echo, core.nowMs);
  confirmReads(core, role);
  if (message.result.outcome === 'rejected') {
    const { rejectedIndex, hint } = message.result;
    progress.rejected(rejectedIndex, core.log.lastPossibleAgreement(hint).index + 1);
  } else {
    progress.accepted(message.result.matchIndex);
    commitWhatMajorityHas(core, role);
    continueTransfer(core, role);
  }
}

// The follower's side. The message's term is the current one, and its sender the term's leader.

/** The consistency check: the log must have the entry just before the new ones (§5.3, log matching). */
export function onAppendEntries(core: Core, message: AppendEntries): void {
  const { log } = core;
  const { prevLogIndex, prevLogTerm } = message;
  const isCovered = prevLogIndex <= core.commitIndex;
  if (!isCovered && !log.has({ index: prevLogIndex, term: prevLogTerm })) {
    const hint = log.lastPossibleAgreement({ index: prevLogIndex, term: prevLogTerm });
    respond(core, message, { outcome: 'rejected', rejectedIndex: prevLogIndex, hint });
    return;
  }
  if (core.installing !== undefined && message.entries.length > 0) return;
  appendMissing(core, message);
  const agreedIndex = prevLogIndex + message.entries.length;
  core.commitTo(Math.min(message.leaderCommit, Math.max(agreedIndex, core.commitIndex)));
  respond(core, message, { outcome: 'accepted', matchIndex: agreedIndex });
}

/** Appends the entries the log lacks; before that, truncates it at a conflict: same index, other term (§5.3). */
function appendMissing(core: Core, message: AppendEntries): void {
  const { log, persistence } = core;
  for (const entry of message.entries) {
    if (entry.index <= core.commitIndex || log.has(entry)) continue;
    if (entry.index <= log.lastIndex) {
      log.truncateFrom(entry.index);
      persistence.truncated(entry.index);
    }
    log.append(entry);
  }
}

/**
 * Answers the leader. A heartbeat is answered at once, for what is on disk; new entries are acknowledged once they
 * are. While the disk is stalled, answers do not pile up before it: the next heartbeat asks again.
 */
function respond(core: Core, request: AppendEntries, result: AppendEntriesResponse['result']): void {
  const { from: leader, echo } = request;
  const isTermDurable = core.persistence.durableHardState.currentTerm === core.currentTerm;
  if (result.outcome === 'accepted' && request.entries.length === 0 && isTermDurable) {
    const matchIndex = Math.min(result.matchIndex, core.persistence.durableIndex);
    core.send(responseOf(core, leader, echo, { outcome: 'accepted', matchIndex }));
    return;
  }
  if (request.entries.length === 0 && isDiskStalled(core)) return;
  core.sendWhenDurable(responseOf(core, leader, echo, result));
}

/** Tells the sender of an outdated message which term it is by now. */
export function refuseStale(core: Core, to: ServerId, echo: Echo): void {
  core.sendWhenDurable(responseOf(core, to, echo, { outcome: 'stale' }));
}

function responseOf(
  core: Core,
  to: ServerId,
  echo: Echo,
  result: AppendEntriesResponse['result'],
): AppendEntriesResponse {
  return { type: 'AppendEntriesResponse', from: core.id, to, term: core.currentTerm, echo, result };
}
