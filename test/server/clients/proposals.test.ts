import { expect } from 'chai';
import { Leader, set } from '../../support/server/server-side.js';

describe('a small entry', () => {
  const SESSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

  /** A leader that has answered the first write of each, half a millisecond after it came. */
  function answered(): Leader {
    const leader = new Leader();
    leader.sendAll(...SESSIONS.map((session) => [session, set('k', 'x')] as const));
    leader.turn();
    leader.nowMs += 0.5;
    leader.acknowledge();
    return leader;
  }

  it('waits for the clients of the one before', () => {
    const leader = answered();
    const { index } = leader.raft.lastLog;
    const [first = 0, ...others] = SESSIONS;
    leader.send(first, set('k', 'y'));
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index);
    leader.sendAll(...others.map((session) => [session, set('k', 'y')] as const));
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
    expect(leader.acknowledge()).to.match(/^(OK \d+\r\n){10}$/);
  });

  it('waits a millisecond at most', () => {
    const leader = answered();
    const { index } = leader.raft.lastLog;
    leader.send(1, set('k', 'y'));
    leader.turn();
    expect(leader.deadlineMs).to.be.closeTo(leader.nowMs + 1, 1e-6);
    leader.nowMs = leader.deadlineMs;
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
    expect(leader.deadlineMs).to.be.above(leader.nowMs + 1);
  });

  it('does not wait once it is no small one any more', () => {
    const leader = answered();
    const { index } = leader.raft.lastLog;
    leader.send(1, set('k', 'y'.repeat(8 * 1024)));
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
  });
});
