/** The status of a server of which nothing is known, or that has neither a log nor an election. */

import type { ServerId } from '../raft/types.js';
import type { ServerStatus } from './control.js';

export function unheardStatus(id: ServerId): ServerStatus {
  return {
    id,
    role: 'follower',
    term: 0,
    votedFor: null,
    leader: null,
    commitIndex: 0,
    lastApplied: 0,
    lastIndex: 0,
    snapshotIndex: 0,
    disk: { name: 'well' },
  };
}
