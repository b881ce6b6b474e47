/** A cluster of one voter is its own majority. */

import { expect } from 'chai';
import { initialConfiguration } from '../../src/raft/configuration.js';
import { Raft } from '../../src/raft/raft.js';
import type { RaftOptions } from '../../src/raft/raft-options.js';
import type { Configuration, RecoveredState } from '../../src/raft/types.js';
import { configurationOf } from '../support/raft/members.js';

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
  catchUpTimeoutMs: 60_000,
  maxLogCacheBytes: 10_000,
};

const EMPTY: RecoveredState = {
  hardState: { currentTerm: 0, votedFor: undefined },
  snapshot: undefined,
  entries: [],
  logStart: { index: 0, term: 0 },
};

/** A server that leads, as the only voter. */
function lonely(configuration: Configuration): Raft {
  const raft = new Raft({ ...OPTIONS, configuration }, { random: () => 0 }, EMPTY, 0);
  raft.tick(100);
  for (let turn = 0; turn < 3; turn += 1) {
    const last = raft.takeOutput().persist.at(-1);
    if (last !== undefined) raft.persisted(last.sequence, 100);
  }
  expect(raft.isServing).to.equal(true);
  return raft;
}

describe('a server alone', () => {
  it('confirms a read without a lease and without anyone to ask', () => {
    const raft = lonely(initialConfiguration(1));
    raft.read(7, 100);
    raft.sendDue();
    expect(raft.takeOutput().confirmedReads).to.deep.equal([{ readId: 7, index: 1 }]);
  });

  it('confirms its own reads and those of a learner, which cannot confirm that it leads', () => {
    const raft = lonely(configurationOf('0 | | 1'));
    raft.read(7, 100);
    raft.step({ type: 'ReadIndex', from: 1, to: 0, term: raft.currentTerm, request: 8 }, 100);
    raft.sendDue();
    const { confirmedReads, messages } = raft.takeOutput();
    expect(confirmedReads).to.deep.equal([{ readId: 7, index: 1 }]);
    expect(messages).to.deep.include({
      type: 'ReadIndexResponse',
      from: 0,
      to: 1,
      term: raft.currentTerm,
      request: 8,
      index: 1,
    });
  });
});
