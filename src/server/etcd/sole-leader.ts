/**
 * What consensus is to the clients' side of a server whose keys are in etcd: it answers everything itself, whatever becomes of
 * others. It has no log: commands go another way (etcd-path.ts).
 */

import { NO_MEMBERS } from '../../raft/configuration.js';
import type { ServerId, SlotId } from '../../raft/types.js';
import type { Consensus } from '../consensus.js';

export function soleLeader(id: ServerId, slot: SlotId): Consensus {
  return {
    role: 'leader',
    currentTerm: 1,
    leader: id,
    isServing: false,
    leaseEndMs: Number.NEGATIVE_INFINITY,
    commitIndex: 0,
    proposalRefusal: undefined,
    configuration: { ...NO_MEMBERS, voters: [{ id, slot }], nextId: id + 1 },
    nextReadRequest: 0,
    propose: () => undefined,
    read: () => undefined,
  };
}
