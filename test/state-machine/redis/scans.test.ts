import { expect } from 'chai';
import { hashOf } from '../../../src/bytes/byte-string.js';
import { COMMANDS } from '../../../src/protocol/resp/commands.js';
import { ErrorReply, type RespValue } from '../../../src/protocol/resp/value.js';
import { MAX_SCAN_COUNT } from '../../../src/redis-limits.js';
import { insertEntry, newShard, placeOf, type Shard } from '../../../src/state-machine/index-shard.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { beginLongRead } from '../../../src/state-machine/redis/execute.js';
import { goOn, Work } from '../../../src/state-machine/work.js';
import { payloadOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';

const STAMP_MS = 1_000_000;

function redis(store: KeyValueStore, ...commands: readonly (readonly string[])[]): void {
  redisAll(store, commands);
}

function redisAll(store: KeyValueStore, commands: readonly (readonly string[])[]): void {
  store.apply(
    payloadOf(
      STAMP_MS,
      commands.map((args) => ({ type: 'redis', args })),
    ),
  );
}

function storeOf(keys: readonly string[]): KeyValueStore {
  const store = new KeyValueStore(HASH_SECRET);
  redisAll(
    store,
    keys.map((key) => ['SET', key, 'v']),
  );
  return store;
}

/** The same state, as a server has it that began from a snapshot: nothing lies where it did. */
function restored(store: KeyValueStore): KeyValueStore {
  const { store: other, reader } = KeyValueStore.fromImage(HASH_SECRET);
  const image = store.image();
  for (let piece = image.next(1000); piece !== undefined; piece = image.next(1000)) reader.push(piece);
  reader.end();
  return other;
}

function read(store: KeyValueStore, name: string, ...args: string[]): RespValue {
  const command = COMMANDS.get(name);
  if (command === undefined) throw new TypeError(`there is no command ${name}`);
  const work = new Work();
  work.allow(100);
  store.workFor(work);
  const steps = beginLongRead(store.readable(Math.max(STAMP_MS, store.clockMs)), {
    type: 'redis-read',
    command,
    args,
  });
  if (steps === undefined) throw new TypeError(`${name} takes no steps`);
  while (true) {
    const done = goOn(steps);
    if (done !== undefined) return done.result;
    work.allow(100);
  }
}

function scan(store: KeyValueStore, ...args: string[]): { cursor: string; keys: string[] } {
  const reply = read(store, 'scan', ...args);
  if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new TypeError(`no page: ${String(reply)}`);
  return { cursor: String(reply[0]), keys: reply[1].map(String) };
}

/** A whole walk, each page from the store that `storeAt` names. */
function walk(storeAt: (round: number) => KeyValueStore, ...options: string[]): string[] {
  const found: string[] = [];
  let cursor = '0';
  let round = 0;
  do {
    const page = scan(storeAt(round), cursor, ...options);
    found.push(...page.keys);
    cursor = page.cursor;
    round += 1;
  } while (cursor !== '0');
  return found;
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

describe('SCAN', () => {
  it('tells every key that is there all the time, whatever else comes and goes', () => {
    const stays = names('stays', 300);
    const store = storeOf([...stays, ...names('goes', 200)]);
    const found = walk(
      (round) => {
        redis(store, ['DEL', `goes${round}`], ['SET', `comes${round}`, 'v'], ['SET', `stays${round}`, 'new']);
        return store;
      },
      'COUNT',
      '7',
    );
    expect(found).to.include.members(stays);
  });

  it('goes on at another server, one that began from a snapshot included, and tells no key twice', () => {
    const keys = names('key', 1000);
    const first = storeOf(keys);
    const second = restored(first);
    const third = storeOf(keys.toReversed());
    const found = walk((round) => [first, second, third][round % 3] ?? first, 'COUNT', '9');
    expect(found).to.have.length(keys.length);
    expect(found).to.have.members(keys);
  });

  it('has the same pages on all servers', () => {
    const store = storeOf(names('key', 500));
    redis(store, ...names('key', 300).map((key) => ['DEL', key]));
    const pages = (of: KeyValueStore) => walk(() => of, 'COUNT', '13');
    expect(pages(restored(store))).to.deep.equal(pages(store));
  });

  it('has any number of walks at once', () => {
    const keys = names('key', 20);
    const store = storeOf(keys);
    const cursors = Array.from({ length: 2000 }, () => scan(store, '0').cursor);
    const rest = (cursor: string) => scan(store, cursor, 'COUNT', '100').keys;
    expect(rest(cursors[0] ?? '')).to.deep.equal(rest(cursors.at(-1) ?? ''));
  });

  it('tells keys with equal hashes together', () => {
    const byHash = new Map<number, string>();
    let pair: string[] = [];
    for (let i = 0; pair.length === 0; i += 1) {
      const key = `k${i}`;
      const hash = hashOf(key, HASH_SECRET);
      const other = byHash.get(hash);
      if (other !== undefined) pair = [other, key];
      byHash.set(hash, key);
    }
    const found: string[][] = [];
    const store = storeOf([...pair, ...names('other', 5)]);
    let cursor = '0';
    do {
      const page = scan(store, cursor, 'COUNT', '1');
      found.push(page.keys);
      cursor = page.cursor;
    } while (cursor !== '0');
    expect(found.some((keys) => pair.every((key) => keys.includes(key)))).to.equal(true);
    expect(found.flat()).to.have.length(7);
  }).timeout(60_000);

  it('goes through a limited number of keys, whatever COUNT says', () => {
    const store = storeOf(names('k', 2 * MAX_SCAN_COUNT));
    const { keys, cursor } = scan(store, '0', 'COUNT', '1000000');
    expect(keys.length).to.be.within(1, MAX_SCAN_COUNT);
    expect(cursor).to.not.equal('0');
  });

  it('gives a page of large keys up to a limit of bytes', () => {
    const large = 'x'.repeat(100_000);
    const keys = names(large, 100);
    const store = storeOf(keys);
    const { keys: page } = scan(store, '0', 'COUNT', '100');
    expect(page.length).to.be.within(1, 50);
    expect(walk(() => store, 'COUNT', '100')).to.have.members(keys);
  });

  it('refuses a pattern that is too slow to compare, and no other', () => {
    const store = storeOf(['a'.repeat(100_000)]);
    expect(read(store, 'scan', '0', 'MATCH', `*${'a'.repeat(6000)}b`)).to.be.instanceOf(ErrorReply);
    expect(scan(store, '0', 'MATCH', '*a').keys).to.have.length(1);
  });

  it('finds a few keys among the places of many that are gone', () => {
    const store = storeOf(names('k', 50_000));
    redis(store, ...names('k', 49_990).map((key) => ['DEL', key]));
    expect(walk(() => store)).to.have.length(10);
  });

  it('ends at a cursor that is past all hashes', () => {
    expect(scan(storeOf(['a']), '18446744073709551615')).to.deep.equal({ cursor: '0', keys: [] });
  });

  it('filters by pattern and type', () => {
    const store = storeOf(['a1', 'a2', 'b']);
    expect(walk(() => store, 'MATCH', 'a*')).to.have.members(['a1', 'a2']);
    expect(walk(() => store, 'TYPE', 'list')).to.deep.equal([]);
    expect(walk(() => store, 'TYPE', 'string')).to.have.length(3);
  });
});

describe('keys that are stored in the order of their hashes', () => {
  /** How many places each entry is from its own, on average. */
  function distance({ slots, count }: Shard): number {
    const mask = slots.length - 1;
    let sum = 0;
    for (let place = 0; place < slots.length; place += 2)
      if (slots[place + 1] !== 0) sum += ((place - placeOf(slots[place] ?? 0, mask)) & mask) / 2;
    return sum / count;
  }

  // Were the places in that order, each of these would be hundreds of places from its own while the index is small.
  it('do not meet at one place', () => {
    const hashes = names('k', 50_000).map((key) => hashOf(key, HASH_SECRET));
    const shard = newShard();
    let longest = 0;
    for (const [i, hash] of hashes.toSorted((a, b) => a - b).entries()) {
      insertEntry(shard, hash, i + 1);
      if (i % 1_000 === 999) longest = Math.max(longest, distance(shard));
    }
    expect(longest).to.be.below(5);
  });
});

describe('RANDOMKEY', () => {
  it('names each of a few keys sooner or later', () => {
    const store = storeOf(['a', 'b', 'c']);
    const found = new Set(Array.from({ length: 300 }, () => read(store, 'randomkey')));
    expect([...found]).to.have.members(['a', 'b', 'c']);
  });

  it('names none when there is none, also if all have expired', () => {
    const store = new KeyValueStore(HASH_SECRET);
    expect(read(store, 'randomkey')).to.equal(null);
    redis(store, ...names('k', 5000).map((key) => ['SET', key, 'v', 'PX', '10']));
    store.apply(payloadOf(STAMP_MS + 10, []));
    expect(store.hasExpired).to.equal(true);
    expect(read(store, 'randomkey')).to.equal(null);
  });
});
