import { expect } from 'chai';
import { MAX_LOOKUP_REPLY_BYTES } from '../../../src/lookup-limits.js';
import { Leader, resp, ServerSide, set, TIMEOUT_MS } from '../../support/server/server-side.js';

/** A leader with k and l, whose lease is fresh. */
function leaderWithKeys(): Leader {
  const leader = new Leader();
  leader.send(1, set('k', 'x') + set('l', '\xff\r\n'));
  leader.turn();
  leader.acknowledge();
  return leader;
}

describe('keys that a client in this process looks up', () => {
  it('are told at once from the state, without a turn', () => {
    const leader = leaderWithKeys();
    expect(leader.lookUp('k', 'absent', 'l')).to.deep.equal(['x', undefined, '\xff\r\n']);
  });

  it('are told as they were before a write that is not committed', () => {
    const leader = leaderWithKeys();
    leader.send(1, set('k', 'y'));
    leader.turn();
    expect(leader.lookUp('k')).to.deep.equal(['x']);
    leader.acknowledge();
    expect(leader.lookUp('k')).to.deep.equal(['y']);
  });

  it('are not told once the lease is over, though no turn has noticed', () => {
    const leader = leaderWithKeys();
    leader.nowMs += TIMEOUT_MS - 1;
    expect(leader.lookUp('k')).to.deep.equal(['x']);
    leader.nowMs += 2;
    expect(leader.lookUp('k')).to.deep.equal([]);
  });

  it('are not told by a server that does not lead', () => {
    expect(new ServerSide().lookUp('k')).to.deep.equal([]);
  });

  it('are not told while one of all keys has outlived its deadline, in a pause of all commands, or past a monitor', () => {
    const leader = leaderWithKeys();
    leader.send(2, resp('SET fleeting x PX 10'));
    leader.turn();
    leader.acknowledge();
    leader.nowMs += 11;
    expect(leader.lookUp('k'), 'outlived').to.deep.equal([]);
    const paused = leaderWithKeys();
    paused.ask('PAUSE', '10', 'ALL');
    expect(paused.lookUp('k'), 'paused').to.deep.equal([]);
    const monitored = leaderWithKeys();
    monitored.send(2, resp('MONITOR'));
    monitored.turn();
    expect(monitored.lookUp('k'), 'monitored').to.deep.equal([]);
  });

  it('are told as long as the reply has room for their values', () => {
    const leader = new Leader();
    const large = 'x'.repeat(MAX_LOOKUP_REPLY_BYTES);
    leader.send(1, set('k', large) + set('l', 'x'));
    leader.turn();
    leader.acknowledge();
    expect(leader.lookUp('absent', 'k', 'l', 'absent')).to.deep.equal([undefined, large]);
  });
});
