import { expect } from 'chai';
import fc from 'fast-check';
import { MAX_OUTCOME_BYTES, MAX_OUTCOME_CHUNKS, OUTCOME_CHUNK_BYTES } from '../../src/dedupe-limits.js';
import {
  CHANGED_KEY,
  type Command,
  type CommandResult,
  type RedisWrite,
} from '../../src/protocol/command.js';
import { NULL_ARRAY } from '../../src/protocol/resp/value.js';
import { BatchEncoder } from '../../src/state-machine/batch-encoder.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { Work } from '../../src/state-machine/work.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { recordsOf } from '../support/records.js';

const START = 'start of sixteen';
const LATER_START = 'another start 16';

interface Sent {
  readonly connection: number;
  readonly row: number;
  readonly place: number;
  readonly command: Command;
}

/** Commands of one connection, in row 0, that end at places one byte apart, from `first` on. */
function stream(first: number, commands: readonly Command[], connection = 1, row = 0): Sent[] {
  return commands.map((command, i) => ({ connection, row, place: first + i, command }));
}

function payloadOf(sent: readonly (Sent | Command)[], start = START): Uint8Array {
  const encoder = new BatchEncoder('name');
  for (const one of sent) {
    if ('command' in one && 'place' in one) {
      encoder.dedupe({ start, row: one.row }, one.connection, one.place);
      encoder.add(one.command);
      while (encoder.isUnfinished) encoder.goOn();
    } else {
      encoder.endDedupe();
      encoder.add(one);
    }
  }
  return encoder.finish(1);
}

function apply(store: KeyValueStore, sent: readonly (Sent | Command)[], start = START): CommandResult[] {
  const results: CommandResult[] = [];
  store.apply(payloadOf(sent, start), (result) => results.push(result));
  return results;
}

const newStore = () => new KeyValueStore(HASH_SECRET);

function copyOf(store: KeyValueStore, isBackup = false): KeyValueStore {
  const { store: copy, reader } = KeyValueStore.fromImage(HASH_SECRET);
  const image = store.image({ isBackup });
  for (let piece = image.next(100); piece !== undefined; piece = image.next(100)) reader.push(piece);
  reader.end();
  return copy;
}

/** The whole image. */
function bytesOf(store: KeyValueStore): Buffer {
  const image = store.image();
  const pieces: Uint8Array[] = [];
  for (let piece = image.next(1 << 16); piece !== undefined; piece = image.next(1 << 16)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const redis = (...args: readonly string[]): RedisWrite => ({ type: 'redis', args });
const incr = redis('INCR', 'n');
const set = (key: string, value: string): Command => ({
  type: 'set',
  key,
  value: Buffer.from(value),
  exptimeS: 0,
});

const COMMANDS: readonly Command[] = [
  set('a', 'x'),
  set('a', 'xyz'),
  { type: 'cas', key: 'a', value: Buffer.from('y'), exptimeS: 0, version: 2 },
  { type: 'cas', key: 'a', value: Buffer.from('y'), exptimeS: 0, version: 2 },
  { type: 'cas-revision', key: 'a', value: Buffer.from('z'), exptimeS: 0, revision: 4 },
  { type: 'add', key: 'a', value: Buffer.from('z'), exptimeS: 0 },
  { type: 'add', key: 'b', value: Buffer.from('z'), exptimeS: 0 },
  { type: 'delete', key: 'b' },
  { type: 'delete', key: 'b' },
  { type: 'delete-if', key: 'a', by: 'version', expected: 1 },
  { type: 'session-open', ttlS: 100 },
  { type: 'once', id: '1-name', seq: 1, done: 0, command: redis('APPEND', 'c', 'x') },
  { type: 'once', id: 'none', seq: 1, done: 0, command: redis('APPEND', 'c', 'x') },
  { type: 'session-close', id: 'none' },
  redis('APPEND', 'c', 'x'),
  redis('SET', 'c', 'y', 'GET'),
  redis('INCR', 'c'),
  redis('MSET', ...Array.from({ length: 2000 }, (_, i) => [`m${i}`, `${i}`]).flat()),
  redis('LCS', 'm1', 'm2'),
  {
    type: 'redis-transaction',
    watched: [],
    commands: [['INCR', 'n'], ['GET', 'n'], ['GET', 'none'], ['FOO']],
  },
  { type: 'redis-transaction', watched: [CHANGED_KEY], commands: [], lost: NULL_ARRAY },
  set('a', 'last'),
];

describe('commands that the router sends again', () => {
  it('are not executed again, and have the results that they had', () => {
    const store = newStore();
    const sent = stream(10, COMMANDS);
    const results = apply(store, sent);
    const records = recordsOf(store);
    const { lastRevision } = store;
    expect(apply(store, sent)).to.deep.equal(results);
    for (const [i, one] of sent.entries()) expect(apply(store, [one])).to.deep.equal([results[i]]);
    expect(recordsOf(store)).to.deep.equal(records);
    expect(store.lastRevision).to.equal(lastRevision);
  });

  it('have the same results without anybody who hears the first', () => {
    const [heard, unheard] = [newStore(), newStore()];
    const sent = stream(1, COMMANDS);
    const results = apply(heard, sent);
    unheard.apply(payloadOf(sent));
    expect(bytesOf(unheard).equals(bytesOf(heard))).to.equal(true);
    expect(apply(unheard, sent)).to.deep.equal(results);
  });

  it('go on with what was not executed', () => {
    const store = newStore();
    apply(store, stream(1, [incr, incr]));
    const repeated = apply(store, [incr, ...stream(1, [incr, incr, incr]), incr]);
    expect(repeated.map((result) => 'value' in result && result.value)).to.deep.equal([3n, 1n, 2n, 4n, 5n]);
  });

  it('are known by their places, whatever lies between them', () => {
    const store = newStore();
    const sent = [3, 10, 100_000, 2 ** 32 + 7, 2 ** 40, 2 ** 40 + 1].map((place) => ({
      connection: 7,
      row: 5,
      place,
      command: incr,
    }));
    const results = apply(store, sent);
    expect(apply(store, sent)).to.deep.equal(results);
    expect(apply(store, sent.toReversed())).to.deep.equal(results.toReversed());
    expect(apply(store, [{ connection: 7, row: 5, place: 9, command: incr }])).to.deep.equal([
      { type: 'result-unknown' },
    ]);
    expect(store.highestPlaceOf(5, 7)).to.equal(2 ** 40 + 1);
    expect(store.highestPlaceOf(5, 8)).to.equal(0);
    expect(store.highestPlaceOf(99, 7)).to.equal(0);
  });

  it('are never executed once another connection has the row', () => {
    const store = newStore();
    apply(store, stream(1, [incr], 1));
    apply(store, stream(1, [incr], 2));
    expect(apply(store, stream(2, [incr, set('a', '')], 1))).to.deep.equal([
      { type: 'result-unknown' },
      { type: 'result-unknown' },
    ]);
    expect(store.get('n')?.value).to.equal('2');
    expect(store.get('a')).to.equal(undefined);
    expect(apply(store, stream(1, [incr], 2))).to.deep.equal([{ type: 'resp', value: 2n }]);
  });

  it('are others after another start of the router', () => {
    const store = newStore();
    apply(store, stream(1, [incr, incr]));
    expect(apply(store, stream(1, [incr]), LATER_START)).to.deep.equal([{ type: 'resp', value: 3n }]);
    expect(store.highestPlaceOf(0, 1)).to.equal(1);
  });

  it('are told that their results are too long, or not kept any more', () => {
    const store = newStore();
    const value = 'v'.repeat(MAX_OUTCOME_BYTES);
    const sent = stream(1, [set('long', value), redis('GETSET', 'long', 'short'), incr]);
    apply(store, sent);
    expect(apply(store, sent)).to.deep.equal([
      { type: 'stored', version: 1 },
      { type: 'result-too-long' },
      { type: 'resp', value: 1n },
    ]);
    const half = 'h'.repeat(MAX_OUTCOME_BYTES / 2);
    const others = [redis('SET', 'half', half), ...Array(10).fill(redis('SET', 'half', half, 'GET'))];
    for (let bytes = 0, first = 1; bytes < MAX_OUTCOME_CHUNKS * OUTCOME_CHUNK_BYTES; first += others.length) {
      apply(store, stream(first, others, 2, 1));
      bytes += 10 * half.length;
    }
    expect(apply(store, sent)).to.deep.equal(sent.map(() => ({ type: 'result-unknown' })));
    expect(store.get('n')?.value).to.equal('1');
    expect(apply(store, stream(4, [incr]))).to.deep.equal([{ type: 'resp', value: 2n }]);
  });

  it('are known to a server that began from a snapshot, and not to one from a backup', () => {
    const store = newStore();
    const sent = [...stream(1, COMMANDS), ...stream(1, COMMANDS, 2, 1)];
    const results = apply(store, sent);
    const copy = copyOf(store);
    expect(bytesOf(copy).equals(bytesOf(store))).to.equal(true);
    expect(apply(copy, sent)).to.deep.equal(results);
    apply(copy, stream(1000, COMMANDS));
    apply(store, sent);
    apply(store, stream(1000, COMMANDS));
    expect(bytesOf(copy).equals(bytesOf(store))).to.equal(true);
    expect(copyOf(store, true).highestPlaceOf(0, 1)).to.equal(0);
  });

  it('are done once each, however they are cut, mixed and repeated', () => {
    const connection = fc.integer({ min: 1, max: 3 });
    const step = fc.record({ connection, from: fc.nat(30), count: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(
        fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 20 }),
        fc.nat(20),
        (entries, copyAt) => {
          let store = newStore();
          const highest = [0, 0, 0, 0];
          const known = new Map<string, CommandResult>();
          for (const [i, steps] of entries.entries()) {
            if (i === copyAt) store = copyOf(store);
            const sent = steps.flatMap(({ connection, from, count }) => {
              // Nobody leaves a command out.
              const first = Math.min(from, highest[connection] ?? 0) + 1;
              highest[connection] = Math.max(highest[connection] ?? 0, first + count - 1);
              const commands = Array.from({ length: count }, (_, at) =>
                redis('APPEND', `k${connection}`, `${(first + at) % 10}`),
              );
              return stream(first, commands, connection, connection);
            });
            for (const [at, result] of apply(store, sent).entries()) {
              const key = `${sent[at]?.connection} ${sent[at]?.place}`;
              expect(result).to.deep.equal(known.get(key) ?? result);
              known.set(key, result);
            }
          }
          for (const connection of [1, 2, 3])
            expect(store.get(`k${connection}`)?.value ?? '').to.equal(
              Array.from({ length: highest[connection] ?? 0 }, (_, at) => (at + 1) % 10).join(''),
            );
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a long command that the router repeats', () => {
  const SLICE_UNITS = 100_000;
  const pairs = Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? `key${i}` : 'x'));
  const sets = Array.from({ length: 5_000 }, (_, i) => ['SET', `key${i}`, 'x']);
  const commands: Readonly<Record<string, Command>> = {
    'with many arguments': redis('MSET', ...pairs),
    'that is a large transaction': { type: 'redis-transaction', watched: [], commands: sets },
  };

  for (const [what, command] of Object.entries(commands))
    it(`${what}, is passed over in slices`, () => {
      const store = newStore();
      const first = apply(store, stream(1, [command]));
      const results: CommandResult[] = [];
      store.begin(payloadOf(stream(1, [command])), (result) => results.push(result));
      const work = new Work();
      let slices = 0;
      for (let isDone = false; !isDone; slices += 1) {
        work.allow(SLICE_UNITS);
        isDone = store.goOn(work);
      }
      expect(slices).to.be.above(5);
      expect(store.get('key0')?.version, 'not done again').to.equal(1);
      expect(results.length).to.equal(first.length);
    });
});
