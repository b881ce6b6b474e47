/**
 * The follower's side of AppendEntries (§5.3): it takes new entries only after the log matching check (the paper's consistency
 * check), which keeps the Log Matching property, and truncates its log where it conflicts with the leader's.
 */

import { conflictHint } from './conflict-hint.js';
import type { Core } from './core.js';
import type { AppendEntries, AppendEntriesResponse, Echo, ServerId } from './types.js';

/**
 * The log matching check: the log must have the entry just before the new ones. What is committed needs no check: all leaders
 * have it. The message's term is the current one, and its sender the term's leader.
 */
export function onAppendEntries(core: Core, message: AppendEntries): void {
  const { log } = core;
  const { prevLogIndex, prevLogTerm } = message;
  const isCovered = prevLogIndex <= core.commitIndex;
  if (!isCovered && !log.has({ index: prevLogIndex, term: prevLogTerm })) {
    const hint = conflictHint(log, { index: prevLogIndex, term: prevLogTerm });
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
  if (request.entries.length === 0 && core.isDiskStalled) return;
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
