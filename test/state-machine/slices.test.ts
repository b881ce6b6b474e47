/** No command makes a turn long: what it does is counted, and it stops when the work is spent. */

import { expect } from 'chai';
import fc from 'fast-check';
import { MAX_EXPIRED_PER_ENTRY, MAX_VALUE_BYTES } from '../../src/limits.js';
import type { Args, Command, CommandResult } from '../../src/protocol/command.js';
import { ErrorReply, type RespValue } from '../../src/protocol/resp/value.js';
import { MAX_TRANSACTION_WORK } from '../../src/redis-limits.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { watch } from '../../src/state-machine/redis/transaction.js';
import { Work } from '../../src/state-machine/work.js';
import { anyCommand, payloadOf } from '../support/commands.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { recordsOf } from '../support/records.js';

const STAMP_MS = 1_700_000_000_000;

/** No step between two looks at the work is longer: it copies a value of the largest size, twice. */
const LONGEST_STEP_UNITS = 3 * MAX_VALUE_BYTES;

interface Run {
  readonly results: CommandResult[];
  readonly slices: number;
  readonly units: number;
}

function redis(...args: Args): Command {
  return { type: 'redis', args };
}

function transaction(...commands: Args[]): Command {
  return { type: 'redis-transaction', watched: [], commands };
}

/** Applies an entry in slices of `sliceUnits` units. */
function applyInSlices(
  store: KeyValueStore,
  { stampMs = STAMP_MS, commands }: { stampMs?: number; commands: readonly Command[] },
  sliceUnits = 100_000,
): Run {
  const results: CommandResult[] = [];
  const work = new Work();
  store.begin(payloadOf(stampMs, commands), (result) => results.push(result));
  for (let slices = 1; ; slices += 1) {
    work.allow(sliceUnits);
    const before = work.totalUnits;
    const isDone = store.goOn(work);
    expect(work.totalUnits - before).to.be.below(sliceUnits + LONGEST_STEP_UNITS);
    if (isDone) return { results, slices, units: work.units };
  }
}

function run(store: KeyValueStore, ...commands: Command[]): Run {
  return applyInSlices(store, { commands });
}

function replyOf({ results }: Run): RespValue {
  const last = results.at(-1);
  if (last?.type !== 'resp') throw new TypeError('there is no reply');
  return last.value;
}

function contentOf(store: KeyValueStore): Map<string, unknown> {
  return new Map(recordsOf(store));
}

function storeWithKeys(count: number): KeyValueStore {
  const store = new KeyValueStore(HASH_SECRET);
  const pairs = Array.from({ length: count }, (_, i) => [`key${i}`, 'x']).flat();
  if (count > 0) run(store, redis('MSET', ...pairs));
  return store;
}

const key = fc.constantFrom('a', 'b', 'c', 'd');
const text = fc.constantFrom('', '1', 'text', 'l'.repeat(5000), 'm'.repeat(70_000));
const anyRedis: fc.Arbitrary<Args> = fc.oneof(
  fc.tuple(fc.constantFrom('SET', 'APPEND', 'GETSET', 'SETNX'), key, text),
  fc.tuple(fc.constantFrom('INCR', 'DEL', 'GETDEL', 'PERSIST', 'GET', 'STRLEN'), key),
  fc.tuple(fc.constant('SETRANGE'), key, fc.constantFrom('0', '3', '4990', '69999'), text),
  fc.tuple(fc.constantFrom('COPY', 'RENAME'), key, key),
  fc.tuple(fc.constant('GETRANGE'), key, fc.constantFrom('0', '-3', '5000'), fc.constantFrom('-1', '9')),
  fc.tuple(fc.constant('EXPIRE'), key, fc.constantFrom('10', '20', '-1')),
  fc.tuple(fc.constant('SET'), key, text, fc.constant('EX'), fc.constantFrom('1', '5')),
  fc.constantFrom<Args>(['FLUSHALL'], ['KEYS', '*'], ['DBSIZE']),
);

describe('an entry that is applied in slices', () => {
  it('comes to the same state and the same results as at once', () => {
    const command = fc.oneof(
      anyCommand,
      anyRedis.map((args): Command => redis(...args)),
      fc.array(anyRedis, { maxLength: 6 }).map((commands): Command => transaction(...commands)),
    );
    const entry = fc.record({
      afterMs: fc.nat({ max: 4000 }),
      commands: fc.array(command, { maxLength: 8 }),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
        const [atOnce, inSlices] = [new KeyValueStore(HASH_SECRET), new KeyValueStore(HASH_SECRET)];
        let stampMs = STAMP_MS;
        for (const { afterMs, commands } of entries) {
          stampMs += afterMs;
          const results: CommandResult[] = [];
          atOnce.apply(payloadOf(stampMs, commands), (result) => results.push(result));
          expect(applyInSlices(inSlices, { stampMs, commands }, 1).results).to.deep.equal(results);
          expect(contentOf(inSlices)).to.deep.equal(contentOf(atOnce));
        }
        expect(inSlices.nextDeadlineMs).to.equal(atOnce.nextDeadlineMs);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('stops after each result when it is told to pause', () => {
    const store = new KeyValueStore(HASH_SECRET);
    const work = new Work();
    let told = 0;
    store.begin(payloadOf(STAMP_MS, [redis('SET', 'a', 'x'), redis('SET', 'b', 'x')]), () => {
      told += 1;
      store.pause();
    });
    expect([store.goOn(work), told, store.size]).to.deep.equal([false, 1, 1]);
    expect([store.goOn(work), told, store.size]).to.deep.equal([false, 2, 2]);
    expect([store.goOn(work), told]).to.deep.equal([true, 2]);
  });
});

describe('the work of a command', () => {
  it('is that of the change, not of the value, where a part of a large value is written', () => {
    const store = storeWithKeys(0);
    run(store, redis('SET', 'big', 'x'.repeat(MAX_VALUE_BYTES - 1)));
    const writes = Array.from({ length: 1000 }, (_, i) => redis('SETRANGE', 'big', `${i}`, 'y'));
    expect(run(store, ...writes).units).to.be.below(3_000_000);
    expect(
      run(store, transaction(...writes.map((write) => (write.type === 'redis' ? write.args : [])))).units,
    ).to.be.below(6_000_000);
    expect(store.get('big')).to.include({
      value: `${'y'.repeat(1000)}${'x'.repeat(MAX_VALUE_BYTES - 1001)}`,
      version: 2001,
      deadlineMs: 0,
    });
  });

  it('is that of what is appended', () => {
    const store = storeWithKeys(0);
    run(store, redis('SET', 'log', 'x'.repeat(500_000)));
    expect(
      run(store, ...Array.from({ length: 1000 }, () => redis('APPEND', 'log', 'line'))).units,
    ).to.be.below(3_000_000);
    expect(store.get('log')?.value).to.equal('x'.repeat(500_000) + 'line'.repeat(1000));
  });

  it('is that of one key where all of them are removed, and images go on with those', () => {
    const store = storeWithKeys(10_000);
    const walk = store.walk();
    expect(run(store, redis('FLUSHALL')).units).to.be.below(10_000);
    expect(store.size).to.equal(0);
    run(store, redis('SET', 'key1', 'new'));
    let found = 0;
    while (!walk.isAtEnd) if (walk.next() !== undefined) found += 1;
    walk.close();
    expect(found).to.equal(10_000);
  });

  it('goes on in a later slice where a command names many keys, or goes through all', () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `key${i}`);
    const store = storeWithKeys(10_000);
    for (const args of [
      ['EXISTS', ...keys],
      ['KEYS', 'nomatch*'],
      ['MGET', ...keys],
      ['MSETNX', ...keys.flatMap((name) => [`new ${name}`, 'x'])],
      ['DEL', ...keys],
    ])
      expect(run(store, transaction(args)).slices, args[0]).to.be.above(10);
    expect(store.size).to.equal(10_000);
  });
});

describe('a transaction that is too much work', () => {
  const FILL = 'x'.repeat(MAX_VALUE_BYTES);
  const TOO_MANY_COPIES = Array.from({ length: MAX_TRANSACTION_WORK / MAX_VALUE_BYTES }, (_, i) => [
    'COPY',
    'fill',
    `copy${i % 3}`,
    'REPLACE',
  ]);

  it('is refused as a whole, whatever it has done', () => {
    fc.assert(
      fc.property(
        fc.array(anyRedis, { maxLength: 20 }),
        fc.array(anyRedis, { minLength: 1, maxLength: 20 }),
        (before, within) => {
          const store = storeWithKeys(0);
          run(store, redis('SET', 'e', 'x', 'EX', '100'), ...before.map((args) => redis(...args)));
          run(store, redis('SET', 'fill', FILL));
          const expected = contentOf(store);
          const deadlineMs = store.nextDeadlineMs;
          const reply = replyOf(
            applyInSlices(
              store,
              { commands: [transaction(...within, ['SET', 'fill', FILL], ...TOO_MANY_COPIES)] },
              1e7,
            ),
          );
          expect(reply).to.be.instanceOf(ErrorReply);
          expect(contentOf(store)).to.deep.equal(expected);
          expect(store.nextDeadlineMs).to.equal(deadlineMs);
        },
      ),
      { seed: 1, numRuns: 15 },
    );
  }).timeout(60_000);

  it('costs as much on a server that holds the same in another way', () => {
    const grown = storeWithKeys(0);
    run(grown, redis('SET', 'v', 'x'.repeat(100_000)), redis('SETRANGE', 'v', '5', 'x'));
    const whole = storeWithKeys(20_000);
    run(whole, redis('FLUSHALL'), redis('SET', 'v', 'y'), redis('SET', 'v', 'x'.repeat(100_000)));
    const commands = [transaction(['SETRANGE', 'v', '9', 'y'], ['GET', 'v'], ['COPY', 'v', 'w'])];
    expect(applyInSlices(grown, { commands }).units).to.equal(applyInSlices(whole, { commands }).units);
  });

  it('leaves the next one room', () => {
    const store = storeWithKeys(0);
    run(store, redis('SET', 'fill', FILL));
    expect(
      replyOf(applyInSlices(store, { commands: [transaction(...TOO_MANY_COPIES)] }, 1e7)),
    ).to.be.instanceOf(ErrorReply);
    expect(replyOf(run(store, transaction(['INCR', 'n'])))).to.deep.equal([1n]);
  });
});

describe('many keys that expire at once', () => {
  const COUNT = 2 * MAX_EXPIRED_PER_ENTRY + 100;
  const LATER_MS = STAMP_MS + 2000;

  function expiringStore(): KeyValueStore {
    const store = new KeyValueStore(HASH_SECRET);
    const commands = Array.from({ length: COUNT }, (_, i) => redis('SET', `key${i}`, 'x', 'EX', '1'));
    applyInSlices(store, { commands: [...commands, redis('SET', 'stays', 'x')] });
    return store;
  }

  it('are seen no more, though each entry removes a limited number', () => {
    const store = expiringStore();
    const { results } = applyInSlices(store, { stampMs: LATER_MS, commands: [redis('KEYS', '*')] });
    expect(results).to.deep.equal([{ type: 'resp', value: ['stays'] }]);
    expect(store.size).to.equal(COUNT + 1 - MAX_EXPIRED_PER_ENTRY);
    expect(store.hasExpired).to.equal(true);
    for (let i = 0; i < COUNT; i += 1) expect(store.get(`key${i}`)).to.equal(undefined);
    expect(recordsOf(store).map(([key]) => key)).to.deep.equal(['stays']);
    applyInSlices(store, { stampMs: LATER_MS, commands: [] });
    applyInSlices(store, { stampMs: LATER_MS, commands: [] });
    expect([store.size, store.hasExpired, store.nextDeadlineMs]).to.deep.equal([1, false, undefined]);
  });

  it('are new when they are stored again before they are removed', () => {
    const store = expiringStore();
    const names = Array.from({ length: COUNT }, (_, i) => `key${i}`);
    const { results } = applyInSlices(store, {
      stampMs: LATER_MS,
      commands: [
        redis('DEL', ...names.slice(0, 10), ...names.slice(-10)),
        ...names.map((name) => redis('APPEND', name, 'new')),
        redis('EXISTS', ...names),
      ],
    });
    expect(results[0]).to.deep.equal({ type: 'resp', value: 0 });
    expect(results.at(-1)).to.deep.equal({ type: 'resp', value: COUNT });
    for (const name of names) expect(store.get(name)).to.include({ value: 'new', version: 1, deadlineMs: 0 });
    expect(store.hasExpired).to.equal(false);
  });

  it('expire in the same order from an image, so that a transaction fares alike', () => {
    const store = expiringStore();
    applyInSlices(store, { stampMs: LATER_MS, commands: [] });
    const { store: restored, reader } = KeyValueStore.fromImage(HASH_SECRET);
    const image = store.image();
    for (let piece = image.next(1000); piece !== undefined; piece = image.next(1000)) reader.push(piece);
    reader.end();
    expect(restored.hasExpired).to.equal(true);
    for (const one of [store, restored]) applyInSlices(one, { stampMs: LATER_MS, commands: [] });
    for (let i = 0; i < COUNT; i += 1)
      expect(watch(restored.readable(LATER_MS), `key${i}`)).to.deep.equal(
        watch(store.readable(LATER_MS), `key${i}`),
      );
    expect(contentOf(restored)).to.deep.equal(contentOf(store));
  });
});
