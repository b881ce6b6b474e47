import { expect } from 'chai';
import { initialConfiguration, NO_MEMBERS } from '../../src/raft/configuration.js';
import { type RaftOptions, RaftOptionsError, validateOptions } from '../../src/raft/raft-options.js';

function members(...ids: readonly number[]) {
  return ids.map((id) => ({ id, slot: id }));
}

const RIGHT: RaftOptions = {
  id: 0,
  configuration: initialConfiguration(3),
  electionTimeoutMs: 100,
  leaseMs: 100,
  heartbeatMs: 50,
  maxAppendBytes: 10,
  maxInflightMessages: 1,
  maxInflightBytes: 10,
  snapshotChunkBytes: 1,
  maxInflightChunks: 1,
  maxUncommittedBytes: 1,
  catchUpTimeoutMs: 60_000,
  maxLogCacheBytes: 1,
};

describe('the options of the core', () => {
  it('may be at their bounds', () => {
    validateOptions(RIGHT);
    validateOptions({ ...RIGHT, leaseMs: 0 });
    validateOptions({ ...RIGHT, id: 7, configuration: NO_MEMBERS });
  });

  const wrong: readonly { readonly change: Partial<RaftOptions>; readonly message: string }[] = [
    { change: { id: -1 }, message: 'option id is -1: 0 to 4294967294 is meant' },
    {
      change: { configuration: { ...NO_MEMBERS, voters: members(0, 1, 1) } },
      message: 'option configuration names server 1 twice',
    },
    {
      change: { configuration: { ...NO_MEMBERS, voters: members(0), learners: members(0) } },
      message: 'option configuration names server 0 twice',
    },
    {
      change: { configuration: { ...NO_MEMBERS, voters: [...members(0), { id: 1, slot: 0 }] } },
      message: 'option configuration gives slot 0 to two voters',
    },
    {
      change: { configuration: { ...NO_MEMBERS, voters: members(0, 0.5) } },
      message: 'option configuration names server 0.5: 0 to 4294967294 is meant',
    },
    {
      change: { configuration: { ...NO_MEMBERS, learners: members(0) } },
      message: 'option configuration has no voters',
    },
    {
      change: { electionTimeoutMs: 0 },
      message: 'option electionTimeoutMs is 0: a positive number of ms is meant',
    },
    {
      change: { electionTimeoutMs: Number.POSITIVE_INFINITY },
      message: 'option electionTimeoutMs is Infinity: a positive number of ms is meant',
    },
    {
      change: { heartbeatMs: 51 },
      message: 'option heartbeatMs is 51: above 0 and at most 50, half the election timeout, is meant',
    },
    {
      change: { heartbeatMs: Number.NaN },
      message: 'option heartbeatMs is NaN: above 0 and at most 50, half the election timeout, is meant',
    },
    {
      change: { catchUpTimeoutMs: 0 },
      message: 'option catchUpTimeoutMs is 0: a positive number of ms is meant',
    },
    { change: { leaseMs: 101 }, message: 'option leaseMs is 101: 0 to 100, the election timeout, is meant' },
    { change: { leaseMs: -1 }, message: 'option leaseMs is -1: 0 to 100, the election timeout, is meant' },
    { change: { maxAppendBytes: 0 }, message: 'option maxAppendBytes is 0: a whole number above 0 is meant' },
    {
      change: { maxInflightMessages: 0 },
      message: 'option maxInflightMessages is 0: a whole number above 0 is meant',
    },
    {
      change: { maxInflightBytes: 9 },
      message: 'option maxInflightBytes is 9: one message has to fit, and maxAppendBytes is 10',
    },
    {
      change: { snapshotChunkBytes: 1.5 },
      message: 'option snapshotChunkBytes is 1.5: a whole number above 0 is meant',
    },
    {
      change: { maxInflightChunks: -1 },
      message: 'option maxInflightChunks is -1: a whole number above 0 is meant',
    },
    {
      change: { maxUncommittedBytes: 0 },
      message: 'option maxUncommittedBytes is 0: a whole number above 0 is meant',
    },
  ];

  for (const { change, message } of wrong) {
    it(`are refused by name: ${message}`, () => {
      expect(() => validateOptions({ ...RIGHT, ...change }))
        .to.throw(RaftOptionsError, message)
        .with.property('code', 'INVALID_RAFT_OPTIONS');
    });
  }
});
