import { expect } from 'chai';
import { QUORUM_WAIT_MS } from '../../../src/time-limits.js';
import { Leader, resp, set } from '../../support/server/server-side.js';

describe('a write that waits for a disk', () => {
  /** A leader whose disk hangs in a write. */
  function hanging(): Leader {
    const leader = new Leader();
    leader.isDiskBusy = true;
    return leader;
  }

  it('is answered in time, although it was never proposed, and is not done later', () => {
    const leader = hanging();
    leader.send(1, set('k', 'x'));
    leader.send(2, resp('SET k y'));
    expect(leader.turn()).to.equal('');
    expect(leader.deadlineMs).to.equal(leader.nowMs + QUORUM_WAIT_MS);
    leader.nowMs = leader.deadlineMs;
    leader.turn();
    expect(leader.toldTo(1)).to.equal('ERR_INTERNAL\r\n');
    expect(leader.toldTo(2)).to.match(/^-MISCONF .*nothing was written/);
    leader.isDiskBusy = false;
    const { index } = leader.raft.lastLog;
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index);
  });

  it('has its deadline from when it was taken, not from when it was proposed', () => {
    const leader = hanging();
    leader.send(1, resp('SET k x'));
    leader.turn();
    leader.nowMs += QUORUM_WAIT_MS - 1;
    leader.isDiskBusy = false;
    leader.turn();
    expect(leader.deadlineMs).to.equal(leader.nowMs + 1);
    leader.nowMs += 1;
    leader.turn();
    expect(leader.toldTo(1)).to.match(/^-UNKNOWN no majority .* in time/);
  });

  it('is refused at once while those before it wait in vain, and taken again after that', () => {
    const leader = hanging();
    leader.send(1, set('k', 'x'));
    leader.turn();
    leader.nowMs += QUORUM_WAIT_MS;
    leader.turn();
    leader.send(2, resp('SET k y'));
    expect(leader.turn()).to.match(/^-MISCONF /);
    leader.isDiskBusy = false;
    leader.turn();
    leader.send(2, resp('SET k z'));
    leader.turn();
    leader.nowMs += 1;
    expect(leader.acknowledge() + leader.acknowledge()).to.equal('+OK\r\n');
  });

  it('is refused at once while a majority does not acknowledge, and taken again once it does', () => {
    const leader = new Leader();
    leader.send(1, resp('SET k x'));
    leader.turn();
    leader.nowMs += QUORUM_WAIT_MS;
    expect(leader.turn()).to.match(/^-UNKNOWN /);
    leader.send(2, resp('SET k y'));
    expect(leader.turn()).to.match(/^-MISCONF /);
    leader.acknowledge();
    leader.send(2, resp('SET k z'));
    leader.turn();
    leader.nowMs += 1;
    expect(leader.acknowledge() + leader.acknowledge()).to.equal('+OK\r\n');
  });

  it('does not keep reads of others from being answered', () => {
    const leader = hanging();
    for (let client = 1; client <= 3; client += 1) leader.send(client, set('k', 'x'.repeat(300_000)));
    leader.turn();
    leader.nowMs += QUORUM_WAIT_MS;
    leader.turn();
    leader.send(9, resp('PING', 'GET k'));
    leader.turn();
    leader.acknowledge();
    expect(leader.toldTo(9)).to.equal('+PONG\r\n$-1\r\n');
  });

  it('is answered after what its client sent before', () => {
    const leader = hanging();
    leader.send(1, set('a', 'x'));
    leader.turn();
    leader.nowMs += QUORUM_WAIT_MS / 2;
    leader.send(2, resp('GET a', 'SET b y'));
    leader.turn();
    leader.nowMs += QUORUM_WAIT_MS / 2;
    leader.turn();
    expect(leader.toldTo(2)).to.match(/^-CLUSTERDOWN [^\r]*\r\n-MISCONF /);
  });
});
