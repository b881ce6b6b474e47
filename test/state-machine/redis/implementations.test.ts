import { expect } from 'chai';
import { COMMANDS, type CommandKind } from '../../../src/protocol/resp/commands.js';
import { fixedReply } from '../../../src/protocol/resp/fixed-replies.js';
import { READS, WRITES } from '../../../src/state-machine/redis/implementations.js';
import { STEPPED_READS, STEPPED_WRITES } from '../../../src/state-machine/redis/long-commands.js';

function namesOf(kind: CommandKind): string[] {
  return [...COMMANDS.values()].filter((command) => command.kind === kind).map(({ name }) => name);
}

describe('the table of Redis commands', () => {
  it('has exactly one implementation of each command that reads or writes', () => {
    expect([...READS.keys(), ...STEPPED_READS.keys()]).to.have.members(namesOf('read'));
    expect([...WRITES.keys(), ...STEPPED_WRITES.keys()]).to.have.members(namesOf('write'));
  });

  it('has a reply for each command whose reply is fixed, and for no other', () => {
    for (const { name, kind } of COMMANDS.values()) {
      if (kind === 'fixed') expect(fixedReply(name, ['0']), name).to.not.equal(undefined);
      else expect(() => fixedReply(name, ['0']), name).to.throw(TypeError);
    }
  });
});
