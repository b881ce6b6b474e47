import { expect } from 'chai';
import fc from 'fast-check';
import { spanOf, TruncatedBytesError, textOf } from '../../src/bytes/byte-reader.js';
import {
  BatchError,
  type Command,
  type CommandResult,
  type SetCommand,
  type TextCommand,
} from '../../src/protocol/command.js';
import type { KeyRecord } from '../../src/state-machine/key-record.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { anyCommand, bytesOf, payloadOf, START_MS } from '../support/commands.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { recordsOf } from '../support/records.js';

interface Batch {
  readonly stampMs: number;
  readonly commands: readonly TextCommand[];
}

function set(key: string, value: string, exptimeS = 0): TextCommand {
  return { type: 'set', key, value: bytesOf(value), exptimeS };
}

function cas(key: string, version: number, value: string, exptimeS = 0): TextCommand {
  return { type: 'cas', key, version, value: bytesOf(value), exptimeS };
}

function del(key: string): TextCommand {
  return { type: 'delete', key };
}

function apply(store: KeyValueStore, stampMs: number, ...commands: TextCommand[]): CommandResult[] {
  const results: CommandResult[] = [];
  store.apply(payloadOf(stampMs, commands), (result) => results.push(result));
  return results;
}

/** A store with these commands applied at START_MS. */
function storeWith(...commands: TextCommand[]): KeyValueStore {
  const store = new KeyValueStore(HASH_SECRET);
  apply(store, START_MS, ...commands);
  return store;
}

function stored(version: number): CommandResult {
  return { type: 'stored', version };
}

const DELETED: CommandResult = { type: 'deleted' };
const NOT_FOUND: CommandResult = { type: 'not-found' };
const VERSION_MISMATCH: CommandResult = { type: 'version-mismatch' };

/** What the store promises, in the plainest way: every key is looked at whenever the time moves. */
class NaiveStore {
  readonly records = new Map<string, KeyRecord>();
  clockMs = 0;
  #lastRevision = 0;

  apply({ stampMs, commands }: Batch): CommandResult[] {
    if (this.#lastRevision === 0) this.#lastRevision = 1000 * stampMs;
    this.clockMs = Math.max(this.clockMs, stampMs);
    for (const [key, { deadlineMs }] of this.records) {
      if (deadlineMs === 0 || deadlineMs > this.clockMs) continue;
      this.records.delete(key);
      this.#lastRevision += 1;
    }
    return commands.map((command) => this.#execute(command));
  }

  get nextDeadlineMs(): number | undefined {
    const deadlines = [...this.records.values()].map(({ deadlineMs }) => deadlineMs).filter((ms) => ms !== 0);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  #execute(command: TextCommand): CommandResult {
    const found = this.records.get(command.key);
    switch (command.type) {
      case 'delete':
        return this.#delete(command.key) ? DELETED : NOT_FOUND;
      case 'delete-if':
        if (found === undefined) return NOT_FOUND;
        if (found[command.by] !== command.expected) return VERSION_MISMATCH;
        this.#delete(command.key);
        return DELETED;
      case 'cas':
        if (found === undefined) return NOT_FOUND;
        return found.version === command.version ? stored(this.#set(command).version) : VERSION_MISMATCH;
      case 'cas-revision': {
        if (found === undefined) return NOT_FOUND;
        if (found.revision !== command.revision) return VERSION_MISMATCH;
        const { version, revision } = this.#set(command);
        return { type: 'stored-at', version, revision };
      }
      case 'add':
        if (found !== undefined) return { type: 'exists' };
        return { type: 'added', revision: this.#set(command).revision };
      case 'set':
        return stored(this.#set(command).version);
    }
  }

  #set({ key, value, exptimeS }: Pick<SetCommand, 'key' | 'value' | 'exptimeS'>): KeyRecord {
    this.#lastRevision += 1;
    const record = {
      value: Buffer.from(value).toString('latin1'),
      version: (this.records.get(key)?.version ?? 0) + 1,
      deadlineMs: exptimeS === 0 ? 0 : this.clockMs + 1000 * exptimeS,
      revision: this.#lastRevision,
    };
    this.records.set(key, record);
    return record;
  }

  #delete(key: string): boolean {
    const existed = this.records.delete(key);
    if (existed) this.#lastRevision += 1;
    return existed;
  }
}

/** Batches whose stamps mostly go on by up to 2 s, and sometimes back. */
const batches: fc.Arbitrary<Batch[]> = fc
  .array(fc.record({ stepMs: fc.integer({ min: -500, max: 2000 }), commands: fc.array(anyCommand) }))
  .map((steps) => {
    let stampMs = START_MS;
    return steps.map(({ stepMs, commands }, place) => {
      stampMs += place === 0 ? 0 : stepMs;
      return { stampMs, commands };
    });
  });

describe('KeyValueStore', () => {
  describe('versions', () => {
    it('count the sets of a key from 1', () => {
      expect(
        apply(new KeyValueStore(HASH_SECRET), START_MS, set('k', 'a'), set('k', 'b'), set('other', 'c')),
      ).to.deep.equal([stored(1), stored(2), stored(1)]);
    });

    it('go up with each cas that takes effect', () => {
      const store = storeWith(set('k', 'a'));
      expect(apply(store, START_MS, cas('k', 1, 'b'), cas('k', 2, 'c'))).to.deep.equal([
        stored(2),
        stored(3),
      ]);
      expect(store.get('k')).to.deep.equal({
        value: 'c',
        version: 3,
        deadlineMs: 0,
        revision: 1000 * START_MS + 3,
      });
    });

    it('start again at 1 once the key was deleted', () => {
      const store = storeWith(set('k', 'a'), set('k', 'b'), del('k'));
      expect(apply(store, START_MS, set('k', 'c'))).to.deep.equal([stored(1)]);
    });

    it('start again at 1 once the key has expired', () => {
      const store = storeWith(set('k', 'a'), set('k', 'b', 1));
      expect(apply(store, START_MS + 1000, set('k', 'c'))).to.deep.equal([stored(1)]);
    });
  });

  describe('cas', () => {
    it('changes nothing when the key is at another version', () => {
      const store = storeWith(set('k', 'a', 5), set('k', 'b', 5));
      for (const version of [0, 1, 3, 2 ** 64]) {
        expect(apply(store, START_MS, cas('k', version, 'c')), `${version}`).to.deep.equal([
          VERSION_MISMATCH,
        ]);
      }
      expect(store.get('k')).to.deep.equal({
        value: 'b',
        version: 2,
        deadlineMs: START_MS + 5000,
        revision: 1000 * START_MS + 2,
      });
    });

    it('does not find a key that never was, even at version 0', () => {
      expect(apply(new KeyValueStore(HASH_SECRET), START_MS, cas('k', 0, 'a'))).to.deep.equal([NOT_FOUND]);
    });

    it('does not find a key that was deleted', () => {
      const store = storeWith(set('k', 'a'), del('k'));
      expect(apply(store, START_MS, cas('k', 1, 'b'))).to.deep.equal([NOT_FOUND]);
    });

    it('does not find a key that has expired by its batch', () => {
      const store = storeWith(set('k', 'a', 1));
      expect(apply(store, START_MS + 1000, cas('k', 1, 'b'))).to.deep.equal([NOT_FOUND]);
    });

    it('replaces the deadline by its own', () => {
      const store = storeWith(set('k', 'a', 1), cas('k', 1, 'b', 3));
      expect(store.nextDeadlineMs).to.equal(START_MS + 3000);
    });
  });

  describe('delete', () => {
    it('removes the key', () => {
      const store = storeWith(set('k', 'a'), set('other', 'b'));
      expect(apply(store, START_MS, del('k'))).to.deep.equal([DELETED]);
      expect(recordsOf(store).map(([key]) => key)).to.deep.equal(['other']);
      expect(store.size).to.equal(1);
    });

    it('does not find a key that is not there, was deleted, or has expired', () => {
      const store = storeWith(set('deleted', 'a'), del('deleted'), set('expired', 'b', 1));
      expect(apply(store, START_MS + 1000, del('never'), del('deleted'), del('expired'))).to.deep.equal([
        NOT_FOUND,
        NOT_FOUND,
        NOT_FOUND,
      ]);
    });

    it('takes the deadline along, so that it does not hit a successor of the key', () => {
      const store = storeWith(set('k', 'a', 1), del('k'), set('k', 'b'));
      expect(store.nextDeadlineMs).to.equal(undefined);
      apply(store, START_MS + 5000);
      expect(store.get('k')?.value).to.equal('b');
    });
  });

  describe('expiry', () => {
    it('happens with the batch whose stamp is the deadline, to the ms', () => {
      const store = storeWith(set('k', 'a', 2));
      apply(store, START_MS + 1999);
      expect(store.get('k')).to.deep.equal({
        value: 'a',
        version: 1,
        deadlineMs: START_MS + 2000,
        revision: 1000 * START_MS + 1,
      });
      apply(store, START_MS + 2000);
      expect(store.get('k')).to.equal(undefined);
      expect(store.size).to.equal(0);
    });

    it('never happens to a key without a deadline', () => {
      const store = storeWith(set('k', 'a'));
      apply(store, Number.MAX_SAFE_INTEGER);
      expect(store.get('k')?.deadlineMs).to.equal(0);
    });

    it('does not happen to a key whose deadline was put off or taken away', () => {
      const store = storeWith(
        set('later', 'a', 1),
        set('later', 'b', 9),
        set('never', 'a', 1),
        set('never', 'b'),
      );
      apply(store, START_MS + 8999);
      expect(
        recordsOf(store)
          .map(([key]) => key)
          .sort(),
      ).to.deep.equal(['later', 'never']);
    });

    it('happens early to a key whose deadline was brought forward', () => {
      const store = storeWith(set('k', 'a', 9), set('k', 'b', 1));
      apply(store, START_MS + 1000);
      expect(store.size).to.equal(0);
    });

    it('removes every key that has expired since, before the first command of the batch', () => {
      const keys = Array.from({ length: 100 }, (_, index) => set(`k${index}`, 'a', 1 + (index % 10)));
      const store = storeWith(...keys);
      const results = apply(store, START_MS + 5000, ...keys.map(({ key }) => del(key)));
      const expected = keys.map((_, index) => (index % 10 < 5 ? NOT_FOUND : DELETED));
      expect(results).to.deep.equal(expected);
    });

    it('does not happen between two commands of one batch', () => {
      const store = storeWith(set('k', 'a', 1));
      apply(store, START_MS + 999, del('other'), set('other', 'b'));
      expect(store.get('k')?.value).to.equal('a');
    });

    it('counts the life of a key from the store’s clock when a stamp goes back', () => {
      const store = storeWith();
      apply(store, START_MS - 10_000, set('k', 'a', 1));
      expect(store.clockMs).to.equal(START_MS);
      expect(store.get('k')?.deadlineMs).to.equal(START_MS + 1000);
    });

    it('keeps deadlines exact for the longest lives there can be', () => {
      const store = storeWith(set('k', 'a', 1e12));
      expect(store.nextDeadlineMs).to.equal(START_MS + 1e15);
      apply(store, START_MS + 1e15 - 1);
      expect(store.size).to.equal(1);
      apply(store, START_MS + 1e15);
      expect(store.size).to.equal(0);
    });
  });

  it('does what a naive store does, while the time moves', () => {
    fc.assert(
      fc.property(batches, (each) => {
        const store = new KeyValueStore(HASH_SECRET);
        const model = new NaiveStore();
        for (const batch of each) {
          expect(apply(store, batch.stampMs, ...batch.commands)).to.deep.equal(model.apply(batch));
          expect(new Map(recordsOf(store))).to.deep.equal(model.records);
          expect(store.size).to.equal(model.records.size);
          expect(store.clockMs).to.equal(model.clockMs);
          expect(store.nextDeadlineMs).to.equal(model.nextDeadlineMs);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('does the same among so many keys that those of a batch are fetched ahead', () => {
    const others = Array.from({ length: 2_500 }, (_, i) => set(`other ${i}`, `${i}`));
    const redis = fc.constantFrom<Command>(
      { type: 'redis', args: ['mset', 'a', '1', 'b', '2'] },
      { type: 'redis', args: ['del', 'a', 'c'] },
      {
        type: 'redis-transaction',
        watched: [],
        commands: [
          ['set', 'a', 'x'],
          ['del', 'b'],
        ],
      },
    );
    const commands = fc.array(fc.oneof({ arbitrary: anyCommand, weight: 4 }, redis), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 10 }), (each) => {
        const few = new KeyValueStore(HASH_SECRET);
        // In a second round there are enough of them, and more in one batch than room is made for at first.
        const many = storeWith(...others, ...others);
        apply(many, START_MS, ...others);
        // As many changes of one key.
        for (let round = 0; round < 3; round += 1)
          apply(few, START_MS, ...others.map(() => set('other 0', '')));
        for (const [i, batch] of each.entries()) {
          const results: CommandResult[][] = [[], []];
          const payload = payloadOf(START_MS + 1_000 * i, batch);
          few.apply(payload, (result) => results[0]?.push(result));
          many.apply(payload, (result) => results[1]?.push(result));
          expect(results[1]).to.deep.equal(results[0]);
        }
        const [fewKept, kept] = [few, many].map((store) =>
          recordsOf(store).filter(([key]) => !key.startsWith('other ')),
        );
        expect(new Map(kept)).to.deep.equal(new Map(fewKept));
        for (const [i] of others.entries())
          expect(many.get(`other ${i}`)).to.include({ value: `${i}`, version: 3 });
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it('comes to the same state from the same entries, whoever listens or looks in between', () => {
    fc.assert(
      fc.property(batches, (each) => {
        const watched = new KeyValueStore(HASH_SECRET);
        const silent = new KeyValueStore(HASH_SECRET);
        for (const { stampMs, commands } of each) {
          const payload = payloadOf(stampMs, commands);
          watched.apply(payload, () => [watched.nextDeadlineMs, watched.get('a')]);
          silent.apply(payload);
        }
        expect(recordsOf(silent)).to.deep.equal(recordsOf(watched));
        expect(silent.clockMs).to.equal(watched.clockMs);
      }),
      { seed: 1 },
    );
  });

  it('tells each result while the state is the one between two commands', () => {
    const store = new KeyValueStore(HASH_SECRET);
    const seen: unknown[] = [];
    store.apply(
      payloadOf(START_MS, [set('k', 'a'), cas('k', 1, 'b'), cas('k', 1, 'c'), del('k')]),
      ({ type }) => seen.push([type, store.get('k')?.value]),
    );
    expect(seen).to.deep.equal([
      ['stored', 'a'],
      ['stored', 'b'],
      ['version-mismatch', 'b'],
      ['deleted', undefined],
    ]);
  });

  it('changes neither state nor time with an empty payload', () => {
    const store = storeWith(set('k', 'a', 1));
    store.apply(new Uint8Array(), () => expect.fail('there is no command to report'));
    expect(store.clockMs).to.equal(START_MS);
    expect(store.get('k')?.value).to.equal('a');
  });

  it('tells a value where it lies, be it short or long', () => {
    for (const length of [0, 1, 64, 4096, 4097, 100_000]) {
      const value = 'v'.repeat(length);
      const found = storeWith(set('k', value)).value('k');
      expect(typeof found === 'object' ? textOf(found) : found, `${length} bytes`).to.equal(value);
    }
    expect(new KeyValueStore(HASH_SECRET).value('k')).to.equal(undefined);
  });

  it('tells many values at once, and is the same in what it does next', () => {
    const keys = Array.from({ length: 5_000 }, (_, n) => `key ${n}`);
    const store = storeWith(...keys.map((key) => set(key, key)));
    const spans = [...keys, 'absent', 'key 3'].map((key) => spanOf(bytesOf(key)));
    const values = store.values(spans).map((value) => (typeof value === 'object' ? textOf(value) : value));
    expect(values).to.deep.equal([...keys, undefined, 'key 3']);
    expect(store.get('key 7')).to.include({ value: 'key 7', version: 1, deadlineMs: 0 });
    expect(apply(store, START_MS, set('key 9', 'b'), cas('key 8', 1, 'c'), del('key 0'))).to.deep.equal([
      stored(2),
      stored(2),
      DELETED,
    ]);
    expect([store.size, store.get('key 0'), store.get('key 4999')?.version]).to.deep.equal([
      4_999,
      undefined,
      1,
    ]);
  });

  it('keeps values of any bytes, one character per byte', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
    expect(storeWith(set('k', bytes)).get('k')?.value).to.equal(bytes);
  });

  it('throws for a corrupt payload', () => {
    const payload = payloadOf(START_MS, [set('k', 'a')]);
    const store = new KeyValueStore(HASH_SECRET);
    expect(() => store.apply(payload.subarray(0, 5))).to.throw(BatchError);
    expect(() => store.apply(payload.subarray(0, payload.byteLength - 1))).to.throw(TruncatedBytesError);
  });

  it('does not report to an earlier listener what a later entry did, also after a corrupt one', () => {
    const store = new KeyValueStore(HASH_SECRET);
    const results: CommandResult[] = [];
    const corrupt = payloadOf(START_MS, [set('k', 'a'), set('k', 'b')]);
    const listen = (result: CommandResult) => results.push(result);
    expect(() => store.apply(corrupt.subarray(0, corrupt.byteLength - 1), listen)).to.throw(
      TruncatedBytesError,
    );
    store.apply(payloadOf(START_MS, [del('k')]));
    expect(results).to.deep.equal([stored(1)]);
  });

  it('knows one deadline for each key that has one, however often keys are overwritten or deleted', () => {
    const store = new KeyValueStore(HASH_SECRET);
    for (let round = 0; round < 100; round += 1) {
      apply(store, START_MS, ...Array.from({ length: 10 }, (_, n) => set(`k${n}`, 'a', 100_000)));
      apply(store, START_MS, set('deleted', 'a', 100_000), del('deleted'));
      apply(store, START_MS, set('immortal', 'a', 100_000), set('immortal', 'a'));
    }
    expect(store.size).to.equal(11);
    expect(store.volatileCount).to.equal(10);
    expect(store.nextDeadlineMs).to.equal(START_MS + 100_000_000);
  });

  it('still expires every key at its time after its deadline was changed many times', () => {
    const store = new KeyValueStore(HASH_SECRET);
    const keys = Array.from({ length: 50 }, (_, n) => `k${n}`);
    for (let round = 0; round < 100; round += 1) {
      apply(store, START_MS, ...keys.map((key, n) => set(key, 'a', 1 + ((n + round) % 50))));
    }
    for (let second = 1; second <= 50; second += 1) {
      apply(store, START_MS + 1000 * second);
      expect(store.size, `after ${second} s`).to.equal(50 - second);
    }
  });
});
