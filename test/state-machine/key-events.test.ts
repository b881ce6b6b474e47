/** Which events each command is told as; redis/events.test.ts compares with a real Redis, if there is one. */

import { expect } from 'chai';
import type { Command } from '../../src/protocol/command.js';
import { eventsOf, isNew } from '../../src/state-machine/key-events.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { bytesOf, payloadOf, START_MS } from '../support/commands.js';
import { HASH_SECRET } from '../support/hash-secret.js';

function redis(line: string): Command {
  return { type: 'redis', args: line.split(' ').map((word) => (word === '""' ? '' : word)) };
}

/** What the commands after the first are told as, in the order of their changes. */
function toldOf(...commands: readonly (string | Command)[]): string[] {
  const store = new KeyValueStore(HASH_SECRET);
  for (const command of commands)
    store.apply(payloadOf(START_MS, [typeof command === 'string' ? redis(command) : command]));
  const told: string[] = [];
  store.history.visit(1, store.lastRevision, (change) => {
    told.push(...eventsOf(change).map(({ name }) => `${name} ${change.key}`));
    return true;
  });
  return told;
}

describe('events', () => {
  for (const [commands, told] of [
    [
      ['SET a 1', 'SET a 1 EX 9', 'SET a 2 KEEPTTL'],
      ['set a', 'set a', 'expire a', 'set a'],
    ],
    [
      ['SETEX a 9 1', 'GETSET a 2', 'SETNX b 1', 'MSET a 1 c 2'],
      ['set a', 'expire a', 'set a', 'set b', 'set a', 'set c'],
    ],
    [
      ['SET a 1', 'GETEX a', 'GETEX a PERSIST', 'GETEX a EX 9', 'GETEX a PERSIST'],
      ['set a', 'expire a', 'persist a'],
    ],
    [
      ['APPEND a 1', 'SETRANGE a 2 x', 'SETRANGE a 0 ""'],
      ['append a', 'setrange a'],
    ],
    [
      ['INCR a', 'DECRBY a 2', 'INCRBYFLOAT a 0.5'],
      ['incrby a', 'incrby a', 'incrbyfloat a'],
    ],
    [
      ['SETBIT a 1 1', 'SETBIT a 1 1', 'SETBIT a 9 0'],
      ['setbit a', 'setbit a'],
    ],
    [['BITFIELD a SET u8 0 1 SET u8 8 2', 'BITFIELD a SET u8 0 1'], ['setbit a']],
    [
      ['SET a x', 'BITOP NOT b a', 'BITOP OR b none'],
      ['set a', 'set b', 'del b'],
    ],
    [
      ['SET a 1', 'EXPIRE a 9', 'PERSIST a', 'PERSIST a', 'EXPIRE a -1'],
      ['set a', 'expire a', 'persist a', 'del a'],
    ],
    [
      ['SET a 1', 'DEL a none', 'UNLINK a', 'GETDEL a'],
      ['set a', 'del a'],
    ],
    [
      ['SET a 1', 'RENAME a b', 'COPY b c'],
      ['set a', 'rename_to b', 'rename_from a', 'copy_to c'],
    ],
    [
      ['SET a 1', 'SET a 2 PXAT 1', 'FLUSHALL'],
      ['set a', 'del a'],
    ],
  ] as const)
    it(`are told of ${commands.join(', ')}`, () => expect(toldOf(...commands)).to.deep.equal(told));

  it('are told of the text protocol’s commands', () => {
    const value = bytesOf('v');
    expect(
      toldOf(
        { type: 'set', key: 'a', value, exptimeS: 0 },
        { type: 'cas', key: 'a', value, exptimeS: 9, version: 1 },
        { type: 'cas', key: 'a', value, exptimeS: 9, version: 1 },
        { type: 'add', key: 'a', value, exptimeS: 0 },
        { type: 'delete', key: 'a' },
        { type: 'delete', key: 'a' },
      ),
    ).to.deep.equal(['set a', 'set a', 'expire a', 'del a']);
  });

  it('of a transaction that is taken back are not told, nor is what those after it are marked by', () => {
    const commands = [
      ['SET', 'a', '1'],
      ['APPEND', 'a', 'x'.repeat(1_000)],
      ...Array(200_000).fill(['INCR', 'b']),
    ];
    const tooMuch: Command = { type: 'redis-transaction', watched: [], commands };
    expect(toldOf('APPEND k 1', tooMuch, 'SET k 2')).to.deep.equal(['append k', 'set k']);
  });

  it('tell that a key is new', () => {
    const store = new KeyValueStore(HASH_SECRET);
    for (const line of ['SET a 1', 'SET a 2', 'EXPIRE a 9', 'DEL a', 'INCR a'])
      store.apply(payloadOf(START_MS, [redis(line)]));
    const areNew: boolean[] = [];
    store.history.visit(1, store.lastRevision, (change) => {
      areNew.push(isNew(change));
      return true;
    });
    expect(areNew).to.deep.equal([true, false, false, false, true]);
  });
});
