/**
 * What a message does: its term is looked at first (§5.1), then it goes to the file of its topic.
 */

import type { Core } from './core.js';
import { onRequestVote, onRequestVoteResponse, traceVote } from './election.js';
import { onReadIndexResponse } from './follower-reads.js';
import { onInstallSnapshot, onInstallSnapshotResponse } from './install-snapshot.js';
import { onTimeoutNow } from './leadership-transfer.js';
import { onAppendEntries } from './log-matching.js';
import { onPreVote, onPreVoteResponse } from './pre-vote.js';
import { onReadIndex } from './read-index.js';
import { onAppendEntriesResponse } from './replication.js';
import { refuseEarlierTerm, stepDownOnLaterTerm } from './terms.js';
import { becomeFollower } from './transitions.js';
import type { Message, ServerId } from './types.js';
import { isDisregarded, renewVoteLease, voteLeaseRefusal } from './vote-lease.js';

/** A message arrived. Late, repeated and outdated ones do no harm. */
export function receive(core: Core, message: Message): void {
  if (message.type === 'RequestVote' && isDisregarded(core, message)) {
    traceVote(core, 'vote', message, voteLeaseRefusal(core));
    return;
  }
  stepDownOnLaterTerm(core, message);
  if (message.term >= core.currentTerm || message.type === 'PreVote') process(core, message);
  else refuseEarlierTerm(core, message);
}

function process(core: Core, message: Message): void {
  switch (message.type) {
    case 'PreVote':
      onPreVote(core, message);
      return;
    case 'PreVoteResponse':
      onPreVoteResponse(core, message);
      return;
    case 'RequestVote':
      onRequestVote(core, message);
      return;
    case 'RequestVoteResponse':
      onRequestVoteResponse(core, message);
      return;
    case 'AppendEntries':
      heardFromLeader(core, message.from);
      onAppendEntries(core, message);
      return;
    case 'AppendEntriesResponse':
      onAppendEntriesResponse(core, message);
      return;
    case 'InstallSnapshot':
      heardFromLeader(core, message.from);
      onInstallSnapshot(core, message);
      return;
    case 'InstallSnapshotResponse':
      onInstallSnapshotResponse(core, message);
      return;
    case 'TimeoutNow':
      onTimeoutNow(core, message);
      return;
    case 'ReadIndex':
      onReadIndex(core, message);
      return;
    case 'ReadIndexResponse':
      onReadIndexResponse(core, message);
      return;
  }
}

/** The current term's leader is alive: it is followed, and no other gets this server's vote for a while. */
function heardFromLeader(core: Core, leader: ServerId): void {
  becomeFollower(core, leader, { type: 'leader heard', leader });
  core.succession = undefined;
  renewVoteLease(core, leader);
  core.resetElectionTimer();
  core.followerReads.repeat(core.nowMs, core.options.heartbeatMs);
}
