/** A command of an entry with many arguments does the same as in a transaction, which reads them in another way. */

import { expect } from 'chai';
import type { Args, Command } from '../../../src/protocol/command.js';
import type { RespValue } from '../../../src/protocol/resp/value.js';
import { MAX_LISTED_ARGS } from '../../../src/state-machine/batch-visitor.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { MAX_ARGS_AT_ONCE } from '../../../src/state-machine/redis/long-commands.js';
import { Work } from '../../../src/state-machine/work.js';
import { payloadOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';
import { recordsOf } from '../../support/records.js';

const COUNT = 5_000;
const KEYS = Array.from({ length: COUNT }, (_, i) => `key${i}`);
const PAIRS = KEYS.flatMap((key, i) => [key, 'v'.repeat(i % 40)]);

const COMMANDS: readonly Args[] = [
  ['DEL', ...KEYS],
  ['unlink', ...KEYS, ...KEYS],
  ['EXISTS', ...KEYS, 'no such key', ...KEYS],
  ['Touch', ...KEYS],
  ['MGET', 'no such key', ...KEYS],
  ['MSET', ...PAIRS, ...PAIRS],
  ['MSET', ...PAIRS, 'a key alone'],
  ['MSETNX', ...PAIRS],
  ['MSETNX', ...KEYS.flatMap((key) => [`new${key}`, 'v'])],
  ['MSETNX', ...PAIRS, 'a key alone'],
  ['BITFIELD', 'bits', ...KEYS.slice(0, 500).flatMap((_, i) => ['INCRBY', 'u8', `${8 * i}`, '1'])],
  ['SET', ...KEYS],
  ['NOSUCHCOMMAND', ...KEYS],
];

function prepared(): KeyValueStore {
  const store = new KeyValueStore(HASH_SECRET);
  store.apply(payloadOf(1, [{ type: 'redis', args: ['MSET', ...PAIRS.slice(0, COUNT)] }]));
  return store;
}

/** Applies the command and a short one after it, in slices of that many units. */
function replyTo(store: KeyValueStore, command: Command, sliceUnits: number): RespValue {
  const replies: RespValue[] = [];
  const after: Command = { type: 'redis', args: ['SET', 'after', 'it'] };
  const work = new Work();
  store.begin(payloadOf(1, [command, after]), (result) => {
    if (result.type === 'resp') replies.push(result.value);
  });
  do work.allow(sliceUnits);
  while (!store.goOn(work));
  expect(replies).to.have.length(2);
  return replies[0] ?? null;
}

describe('a command of an entry with many arguments', () => {
  it('is long enough for both ways', () => {
    for (const args of COMMANDS)
      expect(args.length, args[0]).to.be.above(Math.max(MAX_LISTED_ARGS, MAX_ARGS_AT_ONCE));
  });

  for (const args of COMMANDS) {
    const [name = ''] = args;
    it(`does as in a transaction, at once or in slices: ${name} of ${args.length - 1}`, () => {
      const listed = prepared();
      const expected = replyTo(listed, { type: 'redis-transaction', watched: [], commands: [args] }, 1e9);
      for (const sliceUnits of [1, 50_000, 1e9]) {
        const store = prepared();
        const reply = replyTo(store, { type: 'redis', args }, sliceUnits);
        expect([reply]).to.deep.equal(expected);
        expect(recordsOf(store)).to.deep.equal(recordsOf(listed));
      }
    });
  }
});

describe('BITFIELD with many operations', () => {
  it('is read in slices, before the first of them is executed', () => {
    const operations = Array.from({ length: 5_000 }, () => ['GET', 'u8', '0']).flat();
    const store = prepared();
    const work = new Work();
    store.begin(payloadOf(1, [{ type: 'redis', args: ['BITFIELD', 'bits', ...operations, 'BAD'] }]));
    let slices = 0;
    do {
      work.allow(1_000_000);
      slices += 1;
    } while (!store.goOn(work));
    // A thousand operations cost more than a millisecond to read.
    expect(slices).to.be.above(5);
  });
});
