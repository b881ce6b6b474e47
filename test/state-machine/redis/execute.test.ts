import { expect } from 'chai';
import { MAX_REDIS_REPLY_BYTES, MAX_VALUE_BYTES } from '../../../src/limits.js';
import { commandOf } from '../../../src/protocol/resp/commands.js';
import { limited } from '../../../src/protocol/resp/reply-size.js';
import { ErrorReply, type RespValue } from '../../../src/protocol/resp/value.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { beginLongRead } from '../../../src/state-machine/redis/execute.js';
import { watch } from '../../../src/state-machine/redis/transaction.js';
import { payloadOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';

const STAMP_MS = 1_000_000;
/** How many of the largest values are more than a reply may hold. */
const TOO_MANY = MAX_REDIS_REPLY_BYTES / MAX_VALUE_BYTES;

/** What a transaction of these commands comes to. */
function exec(store: KeyValueStore, commands: readonly (readonly string[])[]): readonly RespValue[] {
  const results: RespValue[] = [];
  const payload = payloadOf(STAMP_MS, [{ type: 'redis-transaction', watched: [], commands }]);
  store.apply(payload, (result) => {
    if (result.type === 'resp') results.push(result.value);
  });
  const [value] = results;
  if (!Array.isArray(value)) throw new TypeError('the transaction was not executed');
  return value;
}

describe('a transaction', () => {
  it('leaves out the replies that would make its own too large, and does all that was asked', () => {
    const store = new KeyValueStore(HASH_SECRET);
    const large = 'v'.repeat(MAX_VALUE_BYTES);
    const replies = exec(store, [
      ['SET', 'large', large],
      ...Array.from({ length: TOO_MANY }, () => ['GET', 'large']),
      ['INCR', 'n'],
      ['GETSET', 'large', 'small'],
      ['GET', 'large'],
    ]);
    const values = replies.filter((reply) => reply === large);
    expect(values).to.have.length(TOO_MANY - 1);
    expect(replies.at(-4)).to.be.instanceOf(ErrorReply);
    expect(replies.at(-3)).to.equal(1n);
    expect(replies.at(-2)).to.be.instanceOf(ErrorReply);
    expect(replies.at(-1)).to.equal('small');
  });
});

describe('a transaction with a watched key', () => {
  const KEY = 'watched';

  /** Whether the transaction is executed, given what happens after the key was watched. */
  function isExecuted(
    before: readonly (readonly string[])[],
    after: readonly (readonly string[])[],
  ): boolean {
    const store = new KeyValueStore(HASH_SECRET);
    const redis = (args: readonly string[]) => ({ type: 'redis', args }) as const;
    store.apply(payloadOf(STAMP_MS, before.map(redis)));
    const watched = [watch(store.readable(STAMP_MS), KEY)];
    store.apply(payloadOf(STAMP_MS, after.map(redis)));
    let value: RespValue = null;
    store.apply(
      payloadOf(STAMP_MS, [{ type: 'redis-transaction', watched, commands: [['SET', KEY, 'new']] }]),
      (result) => {
        if (result.type === 'resp') value = result.value;
      },
    );
    return Array.isArray(value);
  }

  it('is executed while the key is as it was', () => {
    expect(isExecuted([['SET', KEY, 'a']], [['SET', 'other', 'b']])).to.equal(true);
    expect(isExecuted([], [['SET', 'other', 'b']])).to.equal(true);
  });

  it('is not once the key has changed', () => {
    expect(isExecuted([['SET', KEY, 'a']], [['SET', KEY, 'b']])).to.equal(false);
    expect(isExecuted([['SET', KEY, 'a']], [['DEL', KEY]])).to.equal(false);
    expect(isExecuted([], [['SET', KEY, 'a']])).to.equal(false);
  });

  it('is not once a key that was absent came and went', () => {
    expect(
      isExecuted(
        [],
        [
          ['SET', KEY, 'a'],
          ['DEL', KEY],
        ],
      ),
    ).to.equal(false);
  });
});

describe('a reply', () => {
  it('is an error when it would be too large', () => {
    const large = 'v'.repeat(MAX_VALUE_BYTES);
    const fits = Array.from({ length: TOO_MANY - 1 }, () => large);
    expect(limited(fits)).to.equal(fits);
    expect(limited([...fits, large]))
      .to.be.instanceOf(ErrorReply)
      .with.property('message')
      .that.match(/^ERR the reply is left out/);
  });
});

describe('RANDOMKEY', () => {
  function drawn(draws: number): readonly RespValue[] {
    const store = new KeyValueStore(HASH_SECRET);
    const sets = ['a', 'b', 'c'].map((key) => ['SET', key, 'v']);
    return exec(store, [...sets, ...Array.from({ length: draws }, () => ['RANDOMKEY'])]).slice(sets.length);
  }

  it('finds every key in the end', () => {
    expect(new Set(drawn(100))).to.deep.equal(new Set(['a', 'b', 'c']));
  });

  it('draws the same keys in each run of the same cluster', () => {
    expect(drawn(100)).to.deep.equal(drawn(100));
  });
});

describe('RANDOMKEY in a transaction', () => {
  /** What a server comes to that has answered so many reads before. */
  function draws(readCount: number): readonly RespValue[] {
    const store = new KeyValueStore(HASH_SECRET);
    exec(
      store,
      Array.from({ length: 500 }, (_, i) => ['SET', `key ${i}`, 'v']),
    );
    const randomkey = commandOf('randomkey');
    if (randomkey === undefined) throw new TypeError('there is no RANDOMKEY');
    const request = { type: 'redis-read' as const, command: randomkey, args: [] };
    for (let read = 0; read < readCount; read += 1) {
      const steps = beginLongRead(store.readable(STAMP_MS), request);
      while (steps?.next().done === false);
    }
    return exec(
      store,
      Array.from({ length: 20 }, () => ['RANDOMKEY']),
    );
  }

  it('draws the same on each server, whatever was read there before', () => {
    expect(draws(7)).to.deep.equal(draws(0));
    expect(new Set(draws(0)).size).to.be.greaterThan(5);
  });
});
