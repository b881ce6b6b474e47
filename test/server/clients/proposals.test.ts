import { expect } from 'chai';
import { Leader, resp, set } from '../../support/server/server-side.js';

describe('a small entry', () => {
  const SESSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

  /** A leader that has answered the first write of each, half a millisecond after it came. */
  function answered(): Leader {
    const leader = new Leader();
    leader.sendAll(...SESSIONS.map((client) => [client, set('k', 'x')] as const));
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
    leader.sendAll(...others.map((client) => [client, set('k', 'y')] as const));
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

describe('a key that has outlived its deadline', () => {
  it('goes when its time is over, though the wall clock was set back', () => {
    const leader = new Leader();
    leader.send(1, 'set k 5 1\r\nx\r\n');
    leader.turn();
    leader.acknowledge();
    leader.wallClockAheadMs -= 3_600_000;
    leader.nowMs += 5000;
    leader.turn();
    leader.acknowledge();
    leader.send(1, 'get k\r\n');
    expect(leader.turn() + leader.acknowledge() + leader.acknowledge()).to.equal('ERR_NOT_FOUND\r\n');
  });

  for (const [what, read, nothing] of [
    ['get', 'get k\r\n', 'ERR_NOT_FOUND\r\n'],
    ['getm', 'getm k\r\n', 'ERR_NOT_FOUND\r\n'],
    ['GET', resp('GET k'), '$-1\r\n'],
    ['MGET', resp('MGET k'), '*1\r\n$-1\r\n'],
    ['EXISTS', resp('EXISTS k'), ':0\r\n'],
    ['GETRANGE', resp('GETRANGE k 0 -1'), '$0\r\n\r\n'],
    ['KEYS', resp('KEYS *'), '*0\r\n'],
  ] as const)
    it(`is not shown to ${what} that came after it, when both have waited`, () => {
      const leader = new Leader();
      leader.send(1, 'set k 1 1\r\nx\r\n');
      leader.turn();
      leader.nowMs += 1500;
      leader.send(2, read);
      leader.turn();
      leader.acknowledge();
      leader.acknowledge();
      leader.turn();
      expect(leader.toldTo(2)).to.equal(nothing);
    });

  it('has one entry proposed that removes it, which nothing but its commit is waited for', () => {
    const leader = new Leader();
    leader.send(1, 'set k 1 1\r\nx\r\n');
    leader.turn();
    leader.acknowledge();
    leader.nowMs += 1000;
    const { index } = leader.raft.lastLog;
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
    leader.nowMs += 1;
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
    expect(leader.deadlineMs, 'there is nothing to do at once').to.be.above(leader.nowMs);
    leader.send(1, 'get k\r\n');
    expect(leader.turn(), 'the lease is over').to.equal('');
    expect(leader.acknowledge() + leader.acknowledge()).to.equal('ERR_NOT_FOUND\r\n');
  });

  it('is not waited for by reads while no write can commit', () => {
    const leader = new Leader();
    leader.send(1, `set k 1 1\r\nx\r\n${set('other', 'y')}`);
    leader.turn();
    leader.acknowledge();
    leader.pass(1000);
    leader.send(2, `get k\r\ngetm k\r\nget other\r\n`);
    leader.send(3, resp('GET k', 'GET other', 'MGET k other', 'KEYS *'));
    leader.turn();
    expect(leader.toldTo(2)).to.equal('ERR_NOT_FOUND\r\nERR_NOT_FOUND\r\nVALUE 1\r\ny\r\n');
    expect(leader.toldTo(3)).to.equal('$-1\r\n$1\r\ny\r\n*2\r\n$-1\r\n$1\r\ny\r\n*1\r\n$5\r\nother\r\n');
  });

  it('is waited for by reads of it alone while a write may keep it alive', () => {
    const leader = new Leader();
    leader.send(1, `set k 1 1\r\nx\r\n${set('other', 'y')}`);
    leader.turn();
    leader.acknowledge();
    leader.pass(999);
    leader.send(2, resp('PERSIST k'));
    leader.turn();
    leader.pass(1);
    leader.send(3, 'get other\r\nget k\r\n');
    leader.send(4, resp('GET other', 'MGET k other'));
    leader.turn();
    expect(leader.toldTo(3)).to.equal('VALUE 1\r\ny\r\n');
    expect(leader.toldTo(4)).to.equal('$1\r\ny\r\n');
    leader.acknowledge();
    expect(leader.toldTo(2), 'PERSIST').to.equal(':1\r\n');
    expect(leader.toldTo(3)).to.equal('VALUE 1\r\ny\r\nVALUE 1\r\nx\r\n');
    expect(leader.toldTo(4)).to.equal('$1\r\ny\r\n*2\r\n$1\r\nx\r\n$1\r\ny\r\n');
  });

  it('has another entry proposed when the first one was lost with the leadership', () => {
    const leader = new Leader();
    leader.send(1, 'set k 1 1\r\nx\r\n');
    leader.turn();
    leader.acknowledge();
    const { lastLog } = leader.raft;
    leader.nowMs += 1000;
    leader.turn();
    leader.loseTo2(lastLog);
    leader.lead();
    leader.turn();
    const firstEntries = 2;
    expect(leader.raft.lastLog.index).to.equal(lastLog.index + firstEntries + 1);
  });
});

describe('a key that outlives its deadline while consensus takes no entries', () => {
  it('does not keep the server busy', () => {
    const leader = new Leader();
    leader.send(1, 'set k 5 1\r\nx\r\n');
    leader.turn();
    leader.acknowledge();
    leader.pass(4990);
    leader.raft.transferLeadership(2, leader.nowMs);
    leader.nowMs += 20;
    leader.turn();
    expect(leader.raft.proposalRefusal).to.equal('handing over');
    expect(leader.deadlineMs).to.be.above(leader.nowMs);
  });
});

describe('an entry that consensus refuses although it takes proposals', () => {
  it('is a failure: its commands would never be answered', () => {
    const leader = new Leader();
    Object.defineProperty(leader.raft, 'propose', { value: () => undefined });
    leader.send(1, set('k', 'x'));
    expect(() => leader.turn()).to.throw('an entry was refused');
  });
});
