import { expect } from 'chai';
import { MAX_READ_MS_PER_TURN } from '../../../src/limits.js';
import { Leader, resp } from '../../support/server/server-side.js';

const READS = 5 * MAX_READ_MS_PER_TURN;

/** A leader where each read takes a millisecond. */
function slowLeader(): Leader {
  const leader = new Leader();
  leader.tickMs = 1;
  return leader;
}

function readsTold(leader: Leader, client: number): number {
  return leader.toldTo(client).split(':0\r\n').length - 1;
}

describe('reads that take long', () => {
  it('of one client are answered some in a turn', () => {
    const leader = slowLeader();
    leader.send(1, resp(...Array.from({ length: READS }, () => 'STRLEN k')));
    let before = 0;
    while (readsTold(leader, 1) < READS) {
      leader.turn();
      const told = readsTold(leader, 1);
      expect(told - before).to.be.within(1, 2 * MAX_READ_MS_PER_TURN);
      before = told;
    }
  });

  it('of many clients that come at once are so, too, and each gets its turn', () => {
    const leader = slowLeader();
    const clients = Array.from({ length: READS }, (_, i) => i + 1);
    leader.sendAll(...clients.map((client): [number, string] => [client, resp('STRLEN k')]));
    let before = 0;
    while (before < READS) {
      leader.turn();
      const told = clients.filter((client) => readsTold(leader, client) > 0).length;
      expect(told - before).to.be.within(1, 2 * MAX_READ_MS_PER_TURN);
      before = told;
    }
  });

  it('let others write meanwhile', () => {
    const leader = slowLeader();
    leader.send(1, resp(...Array.from({ length: READS }, () => 'STRLEN k')));
    leader.turn();
    leader.send(2, resp('SET other x'));
    for (let turns = 0; turns < 3; turns += 1) leader.turn();
    leader.acknowledge();
    expect(leader.toldTo(2)).to.equal('+OK\r\n');
    expect(readsTold(leader, 1)).to.be.below(READS);
  });

  it('and are costly wait for their turns, one of a client at a time, and nobody waits for them', () => {
    const leader = slowLeader();
    const clients = 3 * READS;
    const asking = Array.from({ length: clients }, (_, i): [number, string] => [
      i + 10,
      resp('BITCOUNT k', 'LCS a b LEN'),
    ]);
    leader.sendAll(...asking);
    leader.send(1, resp('SET other x', 'BITCOUNT other', 'GET other'));
    for (let turns = 0; turns < 3; turns += 1) leader.turn();
    leader.acknowledge();
    expect(leader.toldTo(1)).to.match(/^\+OK\r\n/);
    const told = () => asking.reduce((sum, [client]) => sum + readsTold(leader, client), 0);
    expect(told()).to.be.below(clients);
    for (let turns = 0; turns < 10 * clients && told() < 2 * clients; turns += 1) {
      leader.turn();
      leader.acknowledge();
    }
    expect(told()).to.equal(2 * clients);
    expect(leader.toldTo(1)).to.equal('+OK\r\n:4\r\n$1\r\nx\r\n');
  });
});
