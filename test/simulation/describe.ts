/** A message in a line of the transcript. */

import type { Message } from '../../src/raft/types.js';

export function describe(message: Message): string {
  const envelope = `${message.type} of ${message.from} t${message.term}`;
  switch (message.type) {
    case 'AppendEntries':
      return `${envelope} after ${message.prevLogIndex}:${message.prevLogTerm} +${message.entries.length} commit ${message.leaderCommit}`;
    case 'AppendEntriesResponse':
      return `${envelope} ${JSON.stringify(message.result)}`;
    case 'PreVoteResponse':
    case 'RequestVoteResponse':
      return `${envelope} ${message.voteGranted ? 'granted' : 'refused'}`;
    case 'PreVote':
    case 'RequestVote':
      return `${envelope} with log ${message.lastLogIndex}:${message.lastLogTerm}`;
    case 'InstallSnapshot':
      return `${envelope} at ${message.snapshot.index}, bytes ${message.offset}+${message.data.byteLength} of ${message.snapshot.byteLength}`;
    case 'InstallSnapshotResponse':
      return `${envelope} at ${message.snapshot.index}, has ${message.receivedBytes}`;
    case 'TimeoutNow':
      return envelope;
    case 'ReadIndex':
      return `${envelope} request ${message.request}`;
    case 'ReadIndexResponse':
      return `${envelope} request ${message.request} index ${message.index}`;
  }
}
