/** A cluster of one server is its own majority. */

import { expect } from 'chai';
import { initialConfiguration } from '../../src/raft/configuration.js';
import type { RaftOptions } from '../../src/raft/options.js';
import { Raft } from '../../src/raft/raft.js';
import type { RecoveredState } from '../../src/raft/types.js';

const OPTIONS: RaftOptions = {
  id: 0,
  configuration: initialConfiguration(1),
  electionTimeoutMs: 100,
  leaseMs: 0,
  heartbeatMs: 20,
  maxAppendBytes: 1000,
  maxInflightMessages: 4,
  maxInflightBytes: 4000,
  snapshotChunkBytes: 1000,
  maxInflightChunks: 4,
  maxUncommittedBytes: 10_000,
};

const EMPTY: RecoveredState = {
  hardState: { currentTerm: 0, votedFor: undefined },
  snapshot: undefined,
  entries: [],
  logStart: { index: 0, term: 0 },
};

describe('a server alone', () => {
  it('confirms a read without a lease and without anyone to ask', () => {
    const raft = new Raft(OPTIONS, { random: () => 0, readSnapshot: () => undefined }, EMPTY, 0);
    raft.tick(100);
    for (let turn = 0; turn < 3; turn += 1) {
      const last = raft.takeOutput().persist.at(-1);
      if (last !== undefined) raft.persisted(last.sequence, 100);
    }
    expect(raft.isServing).to.equal(true);
    raft.read(7, 100);
    raft.sendDue();
    expect(raft.takeOutput().confirmedReads).to.deep.equal([{ readId: 7, index: 1 }]);
  });
});
