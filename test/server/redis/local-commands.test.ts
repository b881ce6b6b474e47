import { expect } from 'chai';
import { COMMANDS } from '../../../src/protocol/resp/commands.js';
import { LOCAL_COMMANDS } from '../../../src/server/redis/local-commands.js';

/** The stream of a connection sees to these itself. */
const OF_THE_STREAM = ['multi', 'exec', 'discard', 'watch', 'quit'];

describe('the commands about connection, server and cluster', () => {
  it('are executed by the server, unless the connection’s stream has dealt with them', () => {
    const connectionCommands = [...COMMANDS.values()].filter(({ kind }) => kind === 'connection');
    expect([...LOCAL_COMMANDS.keys(), ...OF_THE_STREAM]).to.have.members(
      connectionCommands.map(({ name }) => name),
    );
  });
});
