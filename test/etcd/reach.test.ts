import { expect } from 'chai';
import { reachOf } from '../../src/etcd/reach.js';
import { COMMANDS } from '../../src/protocol/resp/commands.js';

describe('what commands reach in etcd', () => {
  it('is known of each command that reads or writes named keys, or the command is refused', () => {
    for (const command of COMMANDS.values()) {
      const args = ['one', 'two', 'three', 'four'];
      const reach =
        command.kind === 'read'
          ? reachOf({ type: 'redis-read', command, args })
          : reachOf({ type: 'redis', args: [command.name, ...args], slotKey: undefined });
      if (command.kind !== 'read' && command.kind !== 'write') continue;
      if (reach.type === 'keys')
        expect(reach, command.name).deep.include({ isWrite: command.kind === 'write' });
      if (reach.type === 'keys') expect(reach.keys, command.name).not.deep.equal([]);
      else expect(['count', 'clear', 'key-order'], command.name).include(reach.type);
    }
  });

  it('is all keys of a transaction, watched ones too, and none where it has a command that needs all keys', () => {
    const watched = [{ key: 'w', mark: -1 }];
    const commands = [
      ['SET', 'a', '1'],
      ['COPY', 'a', 'b'],
    ];
    const reach = reachOf({ type: 'redis-transaction', watched, commands });
    expect(reach).deep.include({ keys: ['w', 'a', 'a', 'b'], isWrite: true });
    const all = reachOf({ type: 'redis-transaction', watched: [], commands: [['FLUSHALL']] });
    expect(all).property('type', 'refused');
  });
});
