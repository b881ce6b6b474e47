/** What a server's clients' side asks of the consensus among servers. */

import type { Raft } from '../raft/raft.js';

export type Consensus = Pick<
  Raft,
  | 'role'
  | 'currentTerm'
  | 'leader'
  | 'isServing'
  | 'leaseEndMs'
  | 'commitIndex'
  | 'proposalRefusal'
  | 'configuration'
  | 'nextReadRequest'
  | 'propose'
  | 'read'
>;
