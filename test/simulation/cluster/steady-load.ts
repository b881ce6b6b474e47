/** Load on a leader that never lets up: whenever the leader looks, its followers still lack some of its entries. */

import type { Raft } from '../../../src/raft/raft.js';
import { payloadOf } from '../../support/commands.js';

/** Entries under way. */
const UNCOMMITTED_ENTRIES = 4;
/** It writes nothing, and moves no clock. */
const NO_WRITES = payloadOf(0, []);

/** To be called after each event. Proposes one more entry unless enough are under way, or the leader takes none. */
export function keepUpLoad(raft: Raft | undefined): void {
  if (raft?.role !== 'leader' || raft.lastLog.index - raft.commitIndex >= UNCOMMITTED_ENTRIES) return;
  raft.propose(Uint8Array.from(NO_WRITES));
}
