import { expect } from 'chai';
import { COMMANDS } from '../../../src/protocol/resp/commands.js';
import { LOCAL_COMMANDS } from '../../../src/server/redis/local-commands.js';
import { Leader, resp } from '../../support/server/server-side.js';

/** The stream of a connection sees to these itself. */
const OF_THE_STREAM = ['multi', 'exec', 'discard', 'watch', 'quit'];

describe('the commands about connection, server and cluster', () => {
  it('are executed by the server, unless the connection’s stream has dealt with them', () => {
    const connectionCommands = [...COMMANDS.values()].filter(({ kind }) => kind === 'connection');
    expect([...LOCAL_COMMANDS.keys(), ...OF_THE_STREAM]).to.have.members(
      connectionCommands.map(({ name }) => name),
    );
  });

  it('LASTSAVE is now, for what was acknowledged is saved', () => {
    const leader = new Leader();
    const secondsOf = (command: string) => {
      leader.send(1, resp(command));
      return Number(/\d{2,}/.exec(leader.turn())?.[0]);
    };
    leader.pass(61_000);
    const before = secondsOf('LASTSAVE');
    expect(before).to.be.above(60).and.equal(secondsOf('TIME'));
    leader.pass(5_000);
    expect(secondsOf('LASTSAVE')).to.equal(before + 5);
  });

  it('MEMORY USAGE of a key grows with it', () => {
    const leader = new Leader();
    const usageOf = (key: string) => {
      leader.send(1, resp(`MEMORY USAGE ${key}`));
      return Number(leader.turn().slice(1));
    };
    leader.send(1, resp('SET a x', `SET b ${'x'.repeat(1_001)}`, 'SET longer x'));
    leader.turn();
    leader.acknowledge();
    expect(usageOf('a')).to.be.within(2, 200);
    expect(usageOf('b') - usageOf('a')).to.equal(1_000);
    expect(usageOf('longer') - usageOf('a')).to.equal('longer'.length - 1);
  });

  it('COMMAND LIST FILTERBY ACLCAT tells those that read, write, or concern the connection', () => {
    const leader = new Leader();
    const namesIn = (category: string) => {
      leader.send(1, resp(`COMMAND LIST FILTERBY ACLCAT ${category}`));
      return leader.turn().split('\r\n');
    };
    expect(namesIn('write')).to.include.members(['set', 'del', 'incr']).and.not.include('get');
    expect(namesIn('READ')).to.include.members(['get', 'mget', 'keys']).and.not.include('set');
    expect(namesIn('connection')).to.include.members(['ping', 'client']).and.not.include('get');
  });
});
