import { expect } from 'chai';
import fc from 'fast-check';
import { stringOf } from '../../src/bytes/byte-string.js';
import { MAX_VALUE_BYTES } from '../../src/limits.js';
import type { Command } from '../../src/protocol/command.js';
import { MAX_TRANSACTION_WORK } from '../../src/redis-limits.js';
import { History, type KeyChange } from '../../src/state-machine/history.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { MAX_HISTORY_BYTES } from '../../src/watch-limits.js';
import { anyCommand, bytesOf, payloadOf, START_MS } from '../support/commands.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { recordsOf } from '../support/records.js';

function changesOf(store: KeyValueStore, from = store.history.first): KeyChange[] {
  const changes: KeyChange[] = [];
  store.history.visit(from, store.lastRevision, (change) => {
    changes.push({ ...change, value: change.value === undefined ? undefined : stringOf(change.value) });
    return true;
  });
  return changes;
}

function apply(store: KeyValueStore, ...commands: Command[]): void {
  store.apply(payloadOf(START_MS, commands));
}

function set(key: string, value = 'v', exptimeS = 0): Command {
  return { type: 'set', key, value: bytesOf(value), exptimeS };
}

function redis(...args: string[]): Command {
  return { type: 'redis', args };
}

function transaction(...commands: string[][]): Command {
  return { type: 'redis-transaction', watched: [], commands };
}

/** What the changes come to. */
function replayed(changes: readonly KeyChange[]): Map<string, unknown> {
  const content = new Map<string, unknown>();
  for (const { kind, key, value, version, deadlineMs, revision } of changes) {
    if (kind === 'set') content.set(key, { value, version, deadlineMs, revision });
    else if (kind === 'flushed') content.clear();
    else content.delete(key);
  }
  return content;
}

describe('the history of a store', () => {
  it('has each change once, in order, and comes to the state', () => {
    const redisCommand = fc.constantFrom<Command>(
      redis('MSET', 'a', '1', 'b', '2'),
      redis('APPEND', 'a', 'x'),
      redis('SETRANGE', 'c', '5000', 'y'),
      redis('PEXPIRE', 'b', '1500'),
      redis('PERSIST', 'b'),
      redis('RENAME', 'a', 'c'),
      redis('FLUSHALL'),
      transaction(['SET', 'a', 'x'], ['DEL', 'b'], ['SET', 'c', 'y']),
    );
    const batch = fc.array(fc.oneof({ arbitrary: anyCommand, weight: 3 }, redisCommand));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 2_000 }), batch), { maxLength: 10 }), (batches) => {
        const store = new KeyValueStore(HASH_SECRET);
        store.history.keepParts(MAX_HISTORY_BYTES);
        let stampMs = START_MS;
        for (const [elapsedMs, commands] of batches) {
          stampMs += elapsedMs;
          store.apply(payloadOf(stampMs, commands));
        }
        const changes = changesOf(store);
        const first = changes[0]?.revision ?? 0;
        expect(changes.map(({ revision }) => revision)).to.deep.equal(changes.map((_, i) => first + i));
        expect(changes.at(-1)?.revision ?? 0).to.equal(changes.length === 0 ? 0 : store.lastRevision);
        expect(replayed(changes)).to.deep.equal(new Map(recordsOf(store)));
      }),
      { seed: 1 },
    );
  });

  describe('tells of', () => {
    /** What is told of these, after key `k` was set for ever, and `t` for a minute. */
    function told(...commands: readonly Command[]): string[] {
      const store = new KeyValueStore(HASH_SECRET);
      apply(store, set('k', 'v'), set('t', 'v', 60));
      const from = store.lastRevision + 1;
      for (const command of commands) apply(store, command);
      return changesOf(store, from).map(({ kind, key, version }) => `${kind} ${key} ${version}`);
    }

    for (const [what, command, change] of [
      ['a DEL', redis('DEL', 'k'), 'deleted k 0'],
      ['an EXPIRE in the past, which deletes', redis('EXPIRE', 'k', '-1'), 'deleted k 0'],
      ['a PEXPIREAT in the past', redis('PEXPIREAT', 't', '1'), 'deleted t 0'],
      ['a GETEX in the past', redis('GETEX', 't', 'PXAT', '1'), 'deleted t 0'],
      ['a SET of the same value', redis('SET', 'k', 'v'), 'set k 2'],
      ['a SET that keeps the deadline', redis('SET', 't', 'v', 'KEEPTTL'), 'set t 2'],
      ['a SETRANGE of the same bytes', redis('SETRANGE', 'k', '0', 'v'), 'set k 2'],
      ['an EXPIRE, which changes no value', redis('EXPIRE', 'k', '60'), 'set k 1'],
      ['a PERSIST of a deadline', redis('PERSIST', 't'), 'set t 1'],
    ] as const)
      it(what, () => expect(told(command)).to.deep.equal([change]));

    for (const [what, command] of [
      ['a DEL of a key that is missing', redis('DEL', 'missing')],
      ['a delete of the text protocol of one', { type: 'delete', key: 'missing' }],
      ['a GETDEL of one', redis('GETDEL', 'missing')],
      ['an EXPIRE of one', redis('EXPIRE', 'missing', '-1')],
      ['a PERSIST without a deadline', redis('PERSIST', 'k')],
      ['an EXPIRE whose condition fails', redis('EXPIRE', 't', '30', 'GT')],
      ['a SETNX of a key that is there', redis('SETNX', 'k', 'w')],
      ['a SETRANGE of nothing', redis('SETRANGE', 'k', '0', '')],
      ['a GETEX without an option', redis('GETEX', 't')],
      ['a RENAME of a key to itself', redis('RENAME', 'k', 'k')],
      ['a cas on another version', { type: 'cas', key: 'k', value: bytesOf('w'), exptimeS: 0, version: 7 }],
      ['an error', redis('INCR', 'k')],
    ] as const)
      it(`no change for ${what}`, () => expect(told(command)).to.deep.equal([]));

    it('an APPEND of nothing as Redis does', () => {
      expect(told(redis('APPEND', 'k', ''))).to.deep.equal(['set k 2']);
    });

    it('the expiry of a key, and then of what is made of it', () => {
      const store = new KeyValueStore(HASH_SECRET);
      apply(store, set('k', 'v', 1));
      const from = store.lastRevision + 1;
      store.apply(payloadOf(START_MS + 5_000, [redis('DEL', 'k'), redis('SET', 'k', 'w')]));
      expect(changesOf(store, from).map(({ kind, version }) => `${kind} ${version}`)).to.deep.equal([
        'expired 0',
        'set 1',
      ]);
    });
  });

  it('keeps a removal in the first place as any other change', () => {
    const history = new History(1_000);
    // As many as a chunk takes, so that each begins with one.
    const period = 768;
    for (let revision = 1; revision <= 20 * period; revision += 1) {
      if (revision % period === 1) history.removed('deleted', `k${revision}`, revision);
      else history.set(`k${revision}`, 'v', 1, 0, revision);
      if (history.first === 0) continue;
      expect([history.keepsFrom(history.first), history.keepsFrom(history.first - 1)]).to.deep.equal([
        true,
        false,
      ]);
      history.visit(history.first, history.first, ({ kind, key }) => {
        expect(`${kind} ${key}`).to.equal(`deleted k${history.first}`);
        return true;
      });
    }
    expect(history.first).to.be.above(10 * period);
  });

  it('tells expired keys in the order of their deadlines, then of their bytes', () => {
    const store = new KeyValueStore(HASH_SECRET);
    apply(store, set('late', 'v', 2), set('b', 'v', 1), set('a', 'v', 1), set('c', 'v', 1));
    const from = store.lastRevision + 1;
    store.apply(payloadOf(START_MS + 5_000, []));
    expect(changesOf(store, from).map(({ kind, key }) => `${kind} ${key}`)).to.deep.equal([
      'expired a',
      'expired b',
      'expired c',
      'expired late',
    ]);
  });

  it('knows nothing of a transaction that was taken back', () => {
    const store = new KeyValueStore(HASH_SECRET);
    apply(store, set('k'));
    const before = changesOf(store);
    const reads = Array.from({ length: MAX_TRANSACTION_WORK / MAX_VALUE_BYTES }, () => ['GET', 'k']);
    apply(store, transaction(['SET', 'k', 'x'.repeat(MAX_VALUE_BYTES)], ['SET', 'l', 'x'], ...reads));
    expect(store.get('k')?.version).to.equal(1);
    expect(changesOf(store)).to.deep.equal(before);
    apply(store, set('next'));
    expect(changesOf(store).at(-1)?.revision).to.equal((before[0]?.revision ?? 0) + 1);
  });

  it('keeps the newest changes, bounded in number', () => {
    const store = new KeyValueStore(HASH_SECRET, 20_000);
    for (let round = 0; round < 25; round += 1)
      apply(store, ...Array.from({ length: 2_000 }, (_, i) => set(`k${i}`)));
    const { history, lastRevision } = store;
    const kept = lastRevision - history.first + 1;
    expect(kept).to.be.within(20_000, 25_000);
    expect(changesOf(store)).to.have.length(kept);
  }).timeout(30_000);

  it('keeps the newest changes, bounded in bytes, and one however large it is', () => {
    const store = new KeyValueStore(HASH_SECRET);
    const large = 'x'.repeat(1_000_000);
    for (let i = 0; i < 40; i += 1) apply(store, set(`k${i}`, large));
    const changes = changesOf(store);
    expect(changes.length * large.length).to.be.within(MAX_HISTORY_BYTES / 2, MAX_HISTORY_BYTES);
    const history = new History();
    const value = 'x'.repeat(2 * MAX_HISTORY_BYTES);
    history.set('k', value, 1, 0, 1);
    history.set('k', value, 2, 0, 2);
    let last: KeyChange | undefined;
    history.visit(2, 2, (change) => {
      last = change;
      return true;
    });
    expect(last?.version).to.equal(2);
  });

  it('is gone through to the end where nothing has changed since the counting of revisions began', () => {
    const history = new History();
    history.beginAt(1_000);
    const found: number[] = [];
    expect(history.visit(1, 1_000, ({ revision }) => found.push(revision) > 0)).to.equal(1_001);
    history.removed('deleted', 'k', 1_001);
    expect(history.visit(1, 1_001, ({ revision }) => found.push(revision) > 0)).to.equal(1_002);
    expect(found).to.deep.equal([1_001]);
  });

  it('is gone through up to the last change that is asked for, chunk by chunk', () => {
    const history = new History();
    const count = 5_000;
    for (let revision = 1; revision <= count; revision += 1) history.set(`k${revision}`, 'v', 1, 0, revision);
    fc.assert(
      fc.property(fc.nat(count - 1), fc.nat(2_000), fc.nat(2_000), (before, span, taken) => {
        const from = before + 1;
        const last = Math.min(count, from + span);
        const keys: string[] = [];
        const next = history.visit(from, last, ({ key }) => keys.push(key) <= taken);
        expect(next).to.equal(Math.min(last, from + taken) + 1);
        expect(keys).to.deep.equal(Array.from({ length: next - from }, (_, i) => `k${from + i}`));
      }),
    );
  });

  it('begins after the snapshot that the store began with', () => {
    const store = new KeyValueStore(HASH_SECRET);
    apply(store, set('a'), set('b'));
    const { store: copy, reader } = KeyValueStore.fromImage(HASH_SECRET);
    const image = store.image();
    for (let piece = image.next(1_000); piece !== undefined; piece = image.next(1_000)) reader.push(piece);
    expect(copy.history.first).to.equal(store.lastRevision + 1);
    apply(copy, set('c'));
    expect(changesOf(copy).map(({ key }) => key)).to.deep.equal(['c']);
  });
});
