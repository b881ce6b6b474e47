/** What the state machine makes of clients' sessions (dissertation, 6.3): on each server the same, from the log alone. */

import { expect } from 'chai';
import fc from 'fast-check';
import type { Command, CommandResult, OnceCommand } from '../../../src/protocol/command.js';
import { OK } from '../../../src/protocol/resp/value.js';
import {
  KEPT_RESULTS_SHARES,
  MAX_KEPT_RESULT_BYTES,
  MAX_KEPT_RESULTS_BYTES,
  MAX_SESSION_COMMANDS,
  MAX_SESSIONS,
  RESULT_OVERHEAD_BYTES,
  SESSION_GRACE_MS,
} from '../../../src/session-limits.js';
import { BatchEncoder } from '../../../src/state-machine/batch-encoder.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { bytesOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';

const TTL_S = 10;
const TTL_MS = TTL_S * 1000;
/** A stamp after which sessions may end. */
const LATE_MS = SESSION_GRACE_MS;

/** A store, and the log that made it. */
class Replica {
  readonly store = new KeyValueStore(HASH_SECRET);
  readonly #name: string;

  constructor({ name = 'x', store }: { readonly name?: string; readonly store?: KeyValueStore } = {}) {
    this.#name = name;
    if (store !== undefined) this.store = store;
  }

  apply(stampMs: number, commands: readonly Command[], term = 1): CommandResult[] {
    const encoder = new BatchEncoder(this.#name);
    for (const command of commands) encoder.add(command);
    const results: CommandResult[] = [];
    this.store.apply(encoder.finish(stampMs), (result) => results.push(result), term);
    return results;
  }

  open(stampMs = 0, ttlS = TTL_S): string {
    const [result] = this.apply(stampMs, [{ type: 'session-open', ttlS }]);
    if (result?.type !== 'session') throw new Error('no session was opened');
    return result.id;
  }

  /** The result of one command. */
  once(id: string, seq: number, done: number, command: OnceCommand['command'], stampMs = 0): CommandResult {
    const [result] = this.apply(stampMs, [{ type: 'once', id, seq, done, command }]);
    if (result === undefined) throw new Error('the command has no result');
    return result;
  }

  imageOf(options?: { readonly isBackup: boolean }): Uint8Array[] {
    const image = this.store.image(options);
    const pieces: Uint8Array[] = [];
    for (let piece = image.next(64); piece !== undefined; piece = image.next(64)) pieces.push(piece);
    return pieces;
  }
}

function restored(pieces: readonly Uint8Array[], name = 'x'): Replica {
  const { store, reader } = KeyValueStore.fromImage(HASH_SECRET);
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return new Replica({ name, store });
}

function set(key: string, value = 'v'): OnceCommand['command'] {
  return { type: 'set', key, value: bytesOf(value), exptimeS: 0 };
}

function redis(...args: string[]): OnceCommand['command'] {
  return { type: 'redis', args };
}

describe('a session', () => {
  it('executes a command once, and repeats its result', () => {
    const replica = new Replica();
    const id = replica.open();
    const first = replica.once(id, 1, 0, redis('INCR', 'n'));
    expect(first).to.deep.equal({ type: 'resp', value: 1n });
    expect(replica.once(id, 1, 0, redis('INCR', 'n'))).to.deep.equal(first);
    expect(replica.once(id, 2, 0, redis('INCR', 'n'))).to.deep.equal({ type: 'resp', value: 2n });
    expect(replica.store.get('n')?.value).to.equal('2');
  });

  it('repeats the first one’s result to another command of that number', () => {
    const replica = new Replica();
    const id = replica.open();
    expect(replica.once(id, 1, 0, set('a'))).to.deep.equal({ type: 'stored', version: 1 });
    expect(replica.once(id, 1, 0, { type: 'delete', key: 'a' })).to.deep.equal({
      type: 'stored',
      version: 1,
    });
    expect(replica.store.get('a')).not.to.equal(undefined);
  });

  it('keeps each kind of result', () => {
    const results: [OnceCommand['command'], CommandResult][] = [
      [set('a'), { type: 'stored', version: 1 }],
      [{ type: 'cas', key: 'a', value: bytesOf('w'), exptimeS: 0, version: 7 }, { type: 'version-mismatch' }],
      [{ type: 'delete', key: 'a' }, { type: 'deleted' }],
      [{ type: 'delete', key: 'a' }, { type: 'not-found' }],
      [redis('SET', 'a', 'x', 'EX', '100'), { type: 'resp', value: OK }],
      [redis('GETSET', 'a', 'y'), { type: 'resp', value: 'x' }],
      [redis('SETNX', 'a', 'y'), { type: 'resp', value: 0 }],
      [redis('GETDEL', 'b'), { type: 'resp', value: null }],
      [redis('BITFIELD', 'c', 'SET', 'u8', '0', '1'), { type: 'resp', value: [0n] }],
      [redis('INCRBY', 'a'), { type: 'resp', value: 'an error' }],
    ];
    const replica = new Replica();
    const id = replica.open();
    for (const [i, [command, expected]] of results.entries()) {
      const first = replica.once(id, i + 1, 0, command);
      if (expected.type !== 'resp' || expected.value !== 'an error') expect(first).to.deep.equal(expected);
      expect(replica.once(id, i + 1, 0, command), 'repeated').to.deep.equal(first);
    }
  });

  it('forgets what its client says is done, by the greatest done of all its commands', () => {
    const replica = new Replica();
    const id = replica.open();
    for (const seq of [1, 2, 3]) replica.once(id, seq, 0, set('a'));
    expect(replica.once(id, 4, 2, set('a')), 'a new one').to.deep.equal({ type: 'stored', version: 4 });
    for (const seq of [1, 2])
      expect(replica.once(id, seq, 0, set('a'))).to.deep.equal({ type: 'result-forgotten' });
    expect(replica.once(id, 3, 0, set('a')), 'not done').to.deep.equal({ type: 'stored', version: 3 });
    expect(replica.store.get('a')?.version).to.equal(4);
  });

  it('takes numbers in any order', () => {
    const replica = new Replica();
    const id = replica.open();
    expect(replica.once(id, 2, 0, redis('INCR', 'n'))).to.deep.equal({ type: 'resp', value: 1n });
    expect(replica.once(id, 1, 0, redis('INCR', 'n'))).to.deep.equal({ type: 'resp', value: 2n });
    expect(replica.once(id, 2, 0, redis('INCR', 'n'))).to.deep.equal({ type: 'resp', value: 1n });
  });

  it('does not keep a result that is too large, and does not execute its command again', () => {
    const replica = new Replica();
    const id = replica.open();
    replica.apply(0, [set('a', 'x'.repeat(MAX_KEPT_RESULT_BYTES + 1))]);
    expect(replica.once(id, 1, 0, redis('GETSET', 'a', 'y')).type).to.equal('resp');
    for (const again of [replica, restored(replica.imageOf())])
      expect(again.once(id, 1, 0, redis('GETSET', 'a', 'z'))).to.deep.equal({ type: 'result-not-kept' });
    expect(replica.store.get('a')?.value).to.equal('y');
    expect(replica.once(id, 2, 1, set('a')).type, 'later ones').to.equal('stored');
  });

  describe('with large results', () => {
    const RESULT_BYTES = MAX_KEPT_RESULT_BYTES - 94 + RESULT_OVERHEAD_BYTES;
    /** Results that fit while no others are kept. */
    const FITTING = Math.floor(
      (MAX_KEPT_RESULTS_BYTES + RESULT_BYTES) / (KEPT_RESULTS_SHARES + 1) / RESULT_BYTES,
    );
    const GREEDY_COMMANDS = FITTING + 5;
    const getex = redis('GETEX', 'a');
    let replica: Replica;

    beforeEach(() => {
      replica = new Replica();
      replica.apply(0, [set('a', 'x'.repeat(MAX_KEPT_RESULT_BYTES - 100))]);
    });

    /** A session that takes more than its share. */
    function greedySession(): string {
      const id = replica.open();
      const commands = Array.from(
        { length: GREEDY_COMMANDS },
        (_, i): Command => ({ type: 'once', id, seq: i + 1, done: 0, command: getex }),
      );
      replica.apply(0, commands);
      return id;
    }

    it('keeps no more than its share, and has room again once some are done', () => {
      const id = greedySession();
      const kept = restored(replica.imageOf());
      for (const one of [replica, kept]) {
        expect(one.once(id, FITTING, 0, getex).type).to.equal('resp');
        expect(one.once(id, FITTING + 1, 0, getex)).to.deep.equal({ type: 'result-not-kept' });
        const next = GREEDY_COMMANDS + 1;
        expect(one.once(id, next, 10, getex).type).to.equal('resp');
        expect(one.once(id, next, 10, getex).type, 'repeated').to.equal('resp');
      }
    });

    it('leaves room for the results of others, however many sessions take all that they can', () => {
      for (let count = 0; count < 100; count += 1) greedySession();
      const id = replica.open();
      for (const one of [replica, restored(replica.imageOf())]) {
        for (let seq = 1; seq <= MAX_SESSION_COMMANDS; seq += 1) one.once(id, seq, 0, set('b', 'y'));
        for (let seq = 1; seq <= MAX_SESSION_COMMANDS; seq += 1)
          expect(one.once(id, seq, 0, set('b', 'y'))).to.include({ type: 'stored', version: seq });
        expect(one.once(id, MAX_SESSION_COMMANDS + 1, 1, getex).type).to.equal('resp');
        expect(one.once(id, MAX_SESSION_COMMANDS + 1, 1, getex).type, 'repeated').to.equal('resp');
      }
    });
  });

  it('is gone once it is closed, and closing it again is no error', () => {
    const replica = new Replica();
    const id = replica.open();
    for (let n = 0; n < 2; n += 1)
      expect(replica.apply(0, [{ type: 'session-close', id }])).to.deep.equal([{ type: 'session-closed' }]);
    expect(replica.once(id, 1, 0, set('a'))).to.deep.equal({ type: 'no-session' });
    expect(replica.store.get('a')).to.equal(undefined);
  });

  it('ends when it was not used for its ttl, by the stamps', () => {
    const replica = new Replica();
    replica.apply(1, []);
    const id = replica.open(LATE_MS);
    expect(replica.once(id, 1, 0, set('a'), LATE_MS + TTL_MS - 1).type).to.equal('stored');
    expect(replica.once(id, 1, 0, set('a'), LATE_MS + 2 * TTL_MS - 2).type, 'a repeat uses it').to.equal(
      'stored',
    );
    expect(replica.once(id, 2, 1, set('a'), LATE_MS + 3 * TTL_MS - 2)).to.deep.equal({ type: 'no-session' });
    expect(replica.store.get('a')?.version).to.equal(1);
  });

  it('does not end by its ttl until the newest term is old enough', () => {
    const replica = new Replica();
    replica.apply(1, []);
    const id = replica.open(LATE_MS);
    const dayMs = 86_400_000;
    replica.store.apply(new Uint8Array(), undefined, 2);
    replica.apply(dayMs, [], 2);
    for (const one of [replica, restored(replica.imageOf())]) {
      const repeat: Command = { type: 'once', id, seq: 1, done: 0, command: set('a') };
      const last = dayMs + SESSION_GRACE_MS - 1;
      expect(one.apply(last, [repeat], 2)).to.deep.equal([{ type: 'stored', version: 1 }]);
      expect(one.apply(last + TTL_MS, [repeat], 2)).to.deep.equal([{ type: 'no-session' }]);
    }
  });

  it('ends when there are too many and it was used longest ago in the log', () => {
    const replica = new Replica();
    const [first = '', second = ''] = [replica.open(), replica.open()];
    const opening: Command = { type: 'session-open', ttlS: TTL_S };
    replica.apply(
      0,
      Array.from({ length: MAX_SESSIONS - 2 }, () => opening),
    );
    replica.once(first, 1, 0, set('a'));
    const copy = restored(replica.imageOf());
    for (const one of [replica, copy]) {
      one.open();
      expect(one.store.sessionCount).to.equal(MAX_SESSIONS);
      expect(one.once(second, 1, 0, set('a'))).to.deep.equal({ type: 'no-session' });
      expect(one.once(first, 1, 0, set('a')).type).to.equal('stored');
    }
  });

  it('is removed some time after it has expired', () => {
    const replica = new Replica();
    replica.apply(1, []);
    for (let n = 0; n < 10; n += 1) replica.open(LATE_MS);
    replica.open(LATE_MS, 86_400);
    replica.apply(LATE_MS + 2 * TTL_MS, []);
    expect(replica.store.sessionCount).to.equal(1);
  });

  it('has an id that no other ever had, in a restored cluster, too', () => {
    const replica = new Replica({ name: 'first' });
    const ids = [replica.open(), replica.open()];
    const backup = replica.imageOf({ isBackup: true });
    ids.push(replica.open());
    const twin = restored(backup, 'second');
    ids.push(twin.open());
    expect(new Set(ids).size).to.equal(4);
    expect(twin.once(ids[0] ?? '', 1, 0, set('a')).type, 'one of the backup lives on').to.equal('stored');
  });

  it('of a backup is waited for, whatever the terms of the new cluster are', () => {
    const replica = new Replica();
    replica.apply(0, []);
    const id = replica.open(LATE_MS);
    const later = restored(replica.imageOf({ isBackup: true }));
    expect(later.once(id, 1, 0, set('a'), 10 * LATE_MS).type).to.equal('stored');
  });

  it('is as it was when an image was begun, whatever happens while it is written', () => {
    const replica = new Replica();
    const id = replica.open();
    replica.once(id, 1, 0, redis('INCR', 'n'));
    const image = replica.store.image();
    const pieces = [image.next(1)];
    replica.once(id, 2, 1, redis('INCR', 'n'));
    const other = replica.open();
    for (let piece = image.next(1); piece !== undefined; piece = image.next(1)) pieces.push(piece);
    const copy = restored(pieces.flatMap((piece) => piece ?? []));
    expect(copy.once(id, 1, 0, redis('INCR', 'n'))).to.deep.equal({ type: 'resp', value: 1n });
    expect(copy.once(id, 2, 1, redis('INCR', 'n'))).to.deep.equal({ type: 'resp', value: 2n });
    expect(copy.once(other, 1, 0, set('a'))).to.deep.equal({ type: 'no-session' });
    expect(replica.once(id, 2, 1, redis('INCR', 'n'))).to.deep.equal({ type: 'resp', value: 2n });
  });

  it('is the same on a server that began from a snapshot, at any place of the log', () => {
    const seq = fc.integer({ min: 1, max: 6 });
    const command = fc.constantFrom(set('a'), redis('INCR', 'n'), redis('APPEND', 'b', 'xy'), {
      type: 'delete' as const,
      key: 'a',
    });
    const id = fc.constantFrom('1-x', '2-x', '3-x');
    const step: fc.Arbitrary<Command> = fc.oneof(
      fc.record({ type: fc.constant('session-open' as const), ttlS: fc.constantFrom(10, 40) }),
      fc.record({ type: fc.constant('session-close' as const), id }),
      fc.record({ type: fc.constant('once' as const), id, seq, done: fc.nat({ max: 5 }), command }),
      fc.record({ type: fc.constant('once' as const), id, seq, done: fc.nat({ max: 5 }), command }),
    );
    const entry = fc.record({
      elapsedMs: fc.constantFrom(0, 1_000, 9_000, 31_000),
      commands: fc.array(step, { maxLength: 4 }),
      isNewTerm: fc.boolean(),
      isSnapshot: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 25 }), (log) => {
        const whole = new Replica();
        let copy = new Replica();
        let stampMs = 0;
        let term = 1;
        for (const { elapsedMs, commands, isNewTerm, isSnapshot } of log) {
          stampMs += elapsedMs;
          if (isNewTerm) term += 1;
          const good = commands.map((one) =>
            one.type === 'once' ? { ...one, seq: one.done + one.seq } : one,
          );
          expect(copy.apply(stampMs, good, term)).to.deep.equal(whole.apply(stampMs, good, term));
          if (isSnapshot) copy = restored(copy.imageOf());
        }
        // Records may lie in another order.
        for (const one of [whole, copy]) one.apply(stampMs, [redis('FLUSHALL')], term);
        expect(Buffer.concat(copy.imageOf())).to.deep.equal(Buffer.concat(whole.imageOf()));
      }),
    );
  });
});
