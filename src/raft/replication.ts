/**
 * Log replication, the leader's side of AppendEntries (§5.3): it pipelines entries within limits (thesis 10.2.1). Heartbeats are
 * in heartbeat.ts, the follower's side in log-matching.ts, what is committed in commit.ts.
 */

import { invariant } from './assert.js';
import { commitWhatMajorityHas } from './commit.js';
import { conflictHint } from './conflict-hint.js';
import type { Core } from './core.js';
import { askForChunk, startSnapshot } from './install-snapshot.js';
import { continueTransfer } from './leadership-transfer.js';
import { askForEntries, isAwaited } from './log-reads.js';
import { appendSent, type Progress, type Replicating } from './progress.js';
import { confirmReads, echoOf } from './read-index.js';
import type { Leader } from './roles.js';
import type { AppendEntriesResponse, Entry, LogIndex, ServerId } from './types.js';

/**
 * Sends every follower the entries it lacks, as far as its limits allow. Once a turn, so each follower gets one message for all
 * that the turn has brought.
 */
export function sendDueAppends(core: Core, role: Leader): void {
  for (const [peer, progress] of role.progress) {
    const sent = replicateTo(core, role, peer, progress);
    if (sent === 0 && awaitsCommit(core, progress)) sendAppend(core, role, peer, progress, []);
  }
}

/** Whether the follower asked about reads lately and does not know the commit index yet. Then it is told at once. */
function awaitsCommit(
  { nowMs, commitIndex, options }: Core,
  { lastAskedMs, sentCommitIndex }: Progress,
): boolean {
  return sentCommitIndex < commitIndex && nowMs - lastAskedMs < options.heartbeatMs;
}

/** Sends one follower what it lacks; returns how many messages with entries or data left. */
export function replicateTo(core: Core, role: Leader, peer: ServerId, progress: Progress): number {
  const { maxInflightMessages, maxInflightBytes } = core.options;
  const nextIndex = progress.state.name === 'snapshot' ? undefined : progress.state.nextIndex;
  if (nextIndex !== undefined && nextIndex <= core.log.start.index) startSnapshot(core, progress);
  const { state } = progress;
  let sent = 0;
  switch (state.name) {
    case 'probe':
      if (state.awaitsAnswer || state.nextIndex > core.log.lastIndex) return 0;
      // Whether the logs agree there is asked without entries, too.
      sendAppend(core, role, peer, progress, entriesFrom(core, state.nextIndex) ?? []);
      progress.probeSent();
      return 1;
    case 'replicate':
      while (
        state.nextIndex <= core.log.lastIndex &&
        state.inflight.length < maxInflightMessages &&
        state.inflightBytes < maxInflightBytes
      ) {
        const entries = entriesFrom(core, state.nextIndex);
        if (entries === undefined) {
          askForEntries(core, state);
          return sent;
        }
        sendNext(core, role, peer, progress, state, entries);
        sent += 1;
      }
      return sent;
    case 'snapshot':
      askForChunk(core, state);
      return 0;
  }
}

/** Entries from `nextIndex` on that go into one message; undefined when they are not in memory. */
function entriesFrom(core: Core, nextIndex: LogIndex): readonly Entry[] | undefined {
  return nextIndex > core.log.heldAfter
    ? core.log.sliceBytes(nextIndex, core.options.maxAppendBytes)
    : undefined;
}

/** The driver has read entries that followers wait for, or found that they are no longer there. */
export function onEntriesRead(core: Core, readId: number, entries: readonly Entry[]): void {
  const { role } = core;
  if (role.name !== 'leader') return;
  for (const [peer, progress] of role.progress) {
    const { state } = progress;
    if (state.name === 'replicate' && isAwaited(core, state, readId, entries))
      sendNext(core, role, peer, progress, state, entries);
  }
}

/** Sends the next entries that a follower lacks. */
function sendNext(
  core: Core,
  role: Leader,
  peer: ServerId,
  progress: Progress,
  state: Replicating,
  entries: readonly Entry[],
): void {
  sendAppend(core, role, peer, progress, entries);
  const byteCount = entries.reduce((sum, { payload }) => sum + payload.byteLength, 0);
  appendSent(state, state.nextIndex + entries.length - 1, byteCount);
}

/** Sends one AppendEntries with these entries, which follow those sent before; `entries` may be empty. */
export function sendAppend(
  core: Core,
  role: Leader,
  to: ServerId,
  progress: Progress,
  entries: readonly Entry[],
): void {
  const { state } = progress;
  progress.sentCommitIndex = core.commitIndex;
  // A follower that waits for a snapshot has nothing to agree on yet: position 0 is in every log.
  const prevLogIndex = state.name === 'snapshot' ? 0 : state.nextIndex - 1;
  const prevLogTerm = prevLogIndex === 0 ? 0 : core.log.termAt(prevLogIndex);
  invariant(prevLogTerm !== undefined, `the term of entry ${prevLogIndex} is unknown`);
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
    progress.rejected(rejectedIndex, conflictHint(core.log, hint).index + 1);
  } else {
    progress.accepted(message.result.matchIndex);
    commitWhatMajorityHas(core, role);
    continueTransfer(core, role);
  }
}
