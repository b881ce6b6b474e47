import { expect } from 'chai';
import { MAX_UNREAD_REPLY_BYTES } from '../../../src/limits.js';
import { MAX_MONITORED_COMMANDS } from '../../../src/redis-limits.js';
import { Leader, resp } from '../../support/server/server-side.js';

const COMMANDS_PER_TURN = 100;
const ARG = 'x'.repeat(255);

describe('a connection in MONITOR', () => {
  function watched(): Leader {
    const leader = new Leader();
    leader.send(1, resp('MONITOR'));
    leader.turn();
    return leader;
  }

  it('that does not read misses commands, and is told how many once it reads', () => {
    const leader = watched();
    const commands = resp(...Array.from({ length: COMMANDS_PER_TURN }, () => `STRLEN ${ARG}`));
    let taken = 0;
    let told = 0;
    while (taken < (2 * MAX_UNREAD_REPLY_BYTES) / ARG.length) {
      leader.send(2, commands);
      leader.turn();
      leader.read(2, leader.toldTo(2).length - told);
      told = leader.toldTo(2).length;
      taken += COMMANDS_PER_TURN;
    }
    const before = leader.toldTo(1);
    expect(before.length).to.be.within(MAX_UNREAD_REPLY_BYTES, MAX_UNREAD_REPLY_BYTES + 50_000);
    leader.read(1, before.length);
    leader.send(2, resp('ECHO end'));
    leader.turn();
    const [note = '', last = ''] = leader.toldTo(1).slice(before.length).split('\r\n');
    const shown = before.split('"strlen"').length - 1;
    expect(note).to.match(new RegExp(`"missed" "${taken - shown}"$`));
    expect(last).to.contain('"echo"');
  });

  it('is told of commands although it wants no replies', () => {
    const leader = watched();
    leader.send(1, resp('CLIENT REPLY OFF', 'PING'));
    leader.turn();
    leader.send(2, resp('ECHO hello'));
    leader.turn();
    expect(leader.toldTo(1)).to.contain('"echo"').and.not.contain('PONG');
  });

  it('is shown the beginning of a long transaction', () => {
    const leader = watched();
    const increments = Array.from({ length: 3 * MAX_MONITORED_COMMANDS }, () => 'INCR n');
    leader.send(2, resp('MULTI', ...increments, 'EXEC'));
    for (let turns = 0; turns < 5; turns += 1) leader.turn();
    leader.acknowledge();
    const shown = leader.toldTo(1);
    expect(shown.split('"INCR"').length - 1).to.equal(MAX_MONITORED_COMMANDS);
    expect(shown).to.contain('"multi"').and.to.contain('"exec"');
  });
});
