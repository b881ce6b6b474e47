/** Figure 4 of the paper: which roles follow which. */

import { expect } from 'chai';
import { InvariantError } from '../../src/raft/assert.js';
import { initialConfiguration } from '../../src/raft/configuration.js';
import { Core } from '../../src/raft/core.js';
import {
  becomeCandidate,
  becomeFollower,
  becomeFollowerOfTerm,
  becomeLeader,
  becomePreCandidate,
} from '../../src/raft/transitions.js';
import { Disk } from '../support/raft/disk.js';

describe('changes of role', () => {
  function newCore(): Core {
    const options = {
      id: 0,
      configuration: initialConfiguration(3),
      electionTimeoutMs: 100,
      leaseMs: 100,
      heartbeatMs: 20,
      maxAppendBytes: 10,
      maxInflightMessages: 1,
      maxInflightBytes: 10,
      snapshotChunkBytes: 1,
      maxInflightChunks: 1,
      maxUncommittedBytes: 10,
      catchUpTimeoutMs: 60_000,
      maxLogCacheBytes: 10,
    };
    return new Core(options, { random: () => 0 }, new Disk().recover(), 0);
  }

  function newLeader(): Core {
    const core = newCore();
    becomePreCandidate(core);
    becomeCandidate(core);
    becomeLeader(core);
    return core;
  }

  it('lead from follower to leader by way of both candidacies', () => {
    const core = newLeader();
    expect(core.role.name).to.equal('leader');
    expect(core.hardState).to.deep.equal({ currentTerm: 1, votedFor: 0 });
    expect(core.log.last, 'the no-op').to.deep.equal({ index: 1, term: 1 });
  });

  it('lead back from every role when a later term is heard of', () => {
    const core = newLeader();
    becomeFollowerOfTerm(core, 5, 2);
    expect(core.role).to.deep.equal({ name: 'follower', leader: undefined, incoming: undefined });
    expect(core.hardState).to.deep.equal({ currentTerm: 5, votedFor: undefined });
  });

  it('are refused from a follower to a leader, and from a leader to a candidate', () => {
    expect(() => becomeLeader(newCore())).to.throw(InvariantError, 'server 0 becomes leader as a follower');
    expect(() => becomeCandidate(newLeader())).to.throw(InvariantError, 'becomes candidate as a leader');
    expect(() => becomePreCandidate(newLeader())).to.throw(
      InvariantError,
      'becomes precandidate as a leader',
    );
  });

  it('are refused when they would give a term two leaders', () => {
    const reason = { type: 'leader heard', leader: 1 } as const;
    expect(() => becomeFollower(newLeader(), 1, reason)).to.throw(InvariantError, 'two leaders in term 1');
  });

  it('are refused to an earlier term', () => {
    expect(() => becomeFollowerOfTerm(newLeader(), 1, 2)).to.throw(InvariantError, 'term 1 cannot become 1');
  });
});
