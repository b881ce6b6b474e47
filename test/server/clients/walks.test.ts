import { expect } from 'chai';
import { MAX_WAITING_WALKS, MAX_WALKS, WALK_WORK_PER_TURN } from '../../../src/redis-limits.js';
import { KEY_WORK } from '../../../src/state-machine/work.js';
import { Follower, Leader, resp, TIMEOUT_MS } from '../../support/server/server-side.js';

/** Going through them takes several turns. */
const MANY_KEYS = Math.ceil((3 * WALK_WORK_PER_TURN) / KEY_WORK);

function leaderWithKeys(count: number): Leader {
  const leader = new Leader();
  for (let at = 0; at < count; at += 500) {
    const pairs = Array.from({ length: Math.min(500, count - at) }, (_, i) => `key${at + i} x`);
    leader.send(1, resp(`MSET ${pairs.join(' ')}`));
    leader.turn();
    leader.acknowledge();
  }
  return leader;
}

/** Takes turns until the client was told something new. Returns how many. */
function turnsUntilTold(leader: Leader, client: number): number {
  const before = leader.toldTo(client);
  for (let turns = 1; turns < 1000; turns += 1) {
    leader.turn();
    if (leader.toldTo(client) !== before) return turns;
  }
  throw new Error('it is told nothing');
}

describe('a command that goes through all keys', () => {
  it('takes several turns, in which others are answered', () => {
    const leader = leaderWithKeys(MANY_KEYS);
    leader.send(2, resp('KEYS nomatch*', 'PING'));
    leader.turn();
    leader.send(3, resp('SET other x', 'GET other'));
    leader.turn();
    leader.acknowledge();
    expect(leader.toldTo(3)).to.equal('+OK\r\n$1\r\nx\r\n');
    expect(leader.toldTo(2)).to.equal('');
    expect(turnsUntilTold(leader, 2)).to.be.at.least(1);
    leader.turn();
    expect(leader.toldTo(2)).to.equal('*0\r\n+PONG\r\n');
  });

  it('sees the keys as they were when it began', () => {
    const leader = leaderWithKeys(MANY_KEYS);
    leader.send(2, resp(`KEYS key${MANY_KEYS - 1}`));
    leader.send(3, resp('KEYS new'));
    leader.turn();
    leader.send(4, resp(`DEL key${MANY_KEYS - 1}`, 'SET new x', 'SET key0 y'));
    leader.turn();
    leader.acknowledge();
    expect(leader.toldTo(2) + leader.toldTo(3)).to.equal('');
    turnsUntilTold(leader, 2);
    if (leader.toldTo(3) === '') turnsUntilTold(leader, 3);
    const last = `key${MANY_KEYS - 1}`;
    expect(leader.toldTo(2)).to.equal(`*1\r\n$${last.length}\r\n${last}\r\n`);
    expect(leader.toldTo(3)).to.equal('*0\r\n');
  });

  it('is answered after the writes before it, and counts them', () => {
    const leader = new Leader();
    leader.send(1, resp('SET a x', 'KEYS *', 'SET b x', 'CLUSTER COUNTKEYSINSLOT 15495'));
    for (let i = 0; i < 4; i += 1) {
      leader.turn();
      leader.acknowledge();
    }
    expect(leader.toldTo(1)).to.equal('+OK\r\n*1\r\n$1\r\na\r\n+OK\r\n:1\r\n');
  });

  it('waits while others work, or is refused when too many wait', () => {
    const leader = leaderWithKeys(MANY_KEYS);
    const clients = Array.from({ length: MAX_WALKS + MAX_WAITING_WALKS }, (_, i) => i + 2);
    for (const client of clients) leader.send(client, resp('KEYS nomatch'));
    leader.send(1000, resp('KEYS nomatch'));
    leader.turn();
    expect(leader.toldTo(1000)).to.match(/^-TRYAGAIN /);
    for (let turns = 0; clients.some((client) => leader.toldTo(client) === ''); turns += 1) {
      expect(turns).to.be.below(100 * clients.length);
      leader.turn();
      leader.acknowledge();
    }
    for (const client of clients) expect(leader.toldTo(client)).to.equal('*0\r\n');
  });

  it('makes room for others when its client has gone', () => {
    const leader = leaderWithKeys(MANY_KEYS);
    for (let client = 2; client < 2 + MAX_WALKS; client += 1) leader.send(client, resp('KEYS nomatch'));
    leader.send(100, resp('KEYS nomatch'));
    leader.turn();
    for (let client = 2; client < 2 + MAX_WALKS; client += 1) leader.leave(client);
    leader.turn();
    turnsUntilTold(leader, 100);
    expect(leader.toldTo(100)).to.equal('*0\r\n');
  });

  it('is not answered when leadership is lost, or goes back to the router', () => {
    const leader = leaderWithKeys(MANY_KEYS);
    leader.send(2, resp('KEYS nomatch'));
    leader.route(3, resp('KEYS nomatch'));
    leader.turn();
    leader.loseTo2(leader.raft.lastLog);
    expect(leader.toldTo(2)).to.match(/^-CLUSTERDOWN /);
    expect(leader.toldTo(3)).to.equal('<refuse>');
  });

  it('is told after what comes before it when leadership is lost', () => {
    const leader = new Leader();
    leader.send(2, resp('SET a x', 'GET a', 'KEYS *'));
    leader.turn();
    leader.loseTo2(leader.raft.lastLog);
    expect(leader.toldTo(2)).to.match(/^-UNKNOWN [^-]*-CLUSTERDOWN [^-]*-CLUSTERDOWN [^-]*$/);
  });

  it('asks a majority when the lease is over', () => {
    const leader = new Leader();
    leader.nowMs += 2 * TIMEOUT_MS;
    leader.send(1, resp('KEYS *'));
    leader.turn();
    leader.turn();
    expect(leader.toldTo(1)).to.equal('');
    leader.acknowledge();
    leader.turn();
    expect(leader.toldTo(1)).to.equal('*0\r\n');
  });

  it('is not answered by a server that does not lead', () => {
    const follower = new Follower();
    follower.send(1, resp('CLUSTER COUNTKEYSINSLOT 0'));
    expect(follower.turn()).to.match(/^-MOVED |^-CLUSTERDOWN /);
  });
});
