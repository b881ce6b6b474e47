import { expect } from 'chai';
import { Leader, MUCH_WORK, resp, set, TIMEOUT_MS } from '../../support/server/server-side.js';

describe('the clients of a leader', () => {
  it('are answered reads from the lease at once, and writes once these are on two disks', () => {
    const leader = new Leader();
    leader.send(1, set('k', 'x'));
    expect(leader.turn()).to.equal('');
    expect(leader.acknowledge()).to.equal('OK 1\r\n');
    leader.send(1, 'get k\r\n');
    expect(leader.turn()).to.equal('VALUE 1\r\nx\r\n');
  });

  it('are answered no read that came after a majority was last heard, though all before it is committed', () => {
    const leader = new Leader();
    leader.send(2, MUCH_WORK);
    leader.turn();
    leader.send(1, set('k', 'x'));
    leader.turn();
    leader.acknowledge();
    expect(leader.toldTo(1), 'its write waits to be applied').to.equal('');
    leader.nowMs += 2 * TIMEOUT_MS;
    leader.send(1, 'get k\r\n');
    leader.turn();
    expect(leader.toldTo(1), 'the lease is over').to.equal('OK 1\r\n');
    expect(leader.turn()).to.equal('');
    expect(leader.acknowledge()).to.equal('VALUE 1\r\nx\r\n');
  });

  it('are answered plain GETs of Redis at once or after what they wait for, always in order', () => {
    const leader = new Leader();
    leader.send(1, resp('GET k', 'SET k x', 'GET k', 'GET absent', 'PING'));
    expect(leader.turn(), 'before the SET').to.equal('$-1\r\n');
    leader.send(1, resp('GET k'));
    expect(leader.turn(), 'after the SET').to.equal('');
    expect(leader.acknowledge()).to.equal('+OK\r\n$1\r\nx\r\n$-1\r\n+PONG\r\n$1\r\nx\r\n');
    leader.send(1, resp('GET k', 'get absent', 'PING', 'GET k', 'MULTI', 'GET k', 'EXEC'));
    expect(leader.turn()).to.equal('$1\r\nx\r\n$-1\r\n+PONG\r\n$1\r\nx\r\n+OK\r\n+QUEUED\r\n');
    leader.acknowledge();
    leader.nowMs += 2 * TIMEOUT_MS;
    leader.send(1, resp('GET k', 'GET k'));
    expect(leader.turn(), 'the lease is over').to.equal('');
    expect(leader.acknowledge()).to.equal('$1\r\nx\r\n$1\r\nx\r\n');
  });

  it('are answered a GET that comes in pieces, whoever’s bytes lie after them', () => {
    const leader = new Leader();
    leader.send(1, resp('SET k1 x', 'SET k y'));
    leader.turn();
    leader.acknowledge();
    leader.sendAll([2, resp('GET k', 'GET k1').slice(0, -3)], [3, resp('GET k')]);
    expect(leader.turn()).to.equal('$1\r\ny\r\n'.repeat(2));
    leader.sendAll([3, resp('GET k')], [2, '1\r\n'], [3, resp('GET k')]);
    expect(leader.turn()).to.equal('$1\r\ny\r\n$1\r\nx\r\n$1\r\ny\r\n');
  });

  it('are answered no GET after a QUIT or an error, and queued those of a transaction', () => {
    const leader = new Leader();
    leader.send(1, resp('QUIT', 'GET k'));
    expect(leader.turn() + leader.turn()).to.equal('+OK\r\n<close>');
    leader.send(2, `${resp('GET k')}*1\r\n+\r\n${resp('GET k')}`);
    expect(leader.turn() + leader.turn()).to.equal(
      "$-1\r\n-ERR Protocol error: expected '$', got '+'\r\n<close>",
    );
    leader.send(3, resp('MULTI'));
    expect(leader.turn()).to.equal('+OK\r\n');
    leader.send(3, resp('GET k', 'GET k'));
    expect(leader.turn()).to.equal('+QUEUED\r\n'.repeat(2));
  });
});
