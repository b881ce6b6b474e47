/** What clients see is the same whatever engine keeps the keys: each must pass this. */

import { expect } from 'chai';
import { KvClient } from '../../src/client/index.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { engineWatches } from './engine-watches.js';

export interface StartedEngine {
  readonly cluster: Cluster;
  close(): Promise<void>;
}

/** @param start a cluster without keys, with a router */
export function engineSuite(name: string, start: () => Promise<StartedEngine>): void {
  describe(`with ${name}`, () => {
    let engine: StartedEngine;
    let text: TextClient;
    let redis: RedisClient;

    before(async () => {
      engine = await start();
    });

    after(() => engine.close());

    beforeEach(async () => {
      const port = engine.cluster.options.routerPort ?? 0;
      text = await TextClient.connect(port);
      redis = await RedisClient.connect(port);
      expect(await redis.call('FLUSHALL')).to.deep.equal({ simple: 'OK' });
    });

    afterEach(() => {
      text.close();
      redis.close();
    });

    it('a key is stored, read, compared and deleted, and its versions begin anew', async () => {
      expect(await text.get('k')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
      expect(await text.set('k', 'one')).to.deep.include({ type: 'OK', version: 1 });
      expect(await text.set('k', 'two')).to.deep.include({ type: 'OK', version: 2 });
      expect(await text.get('k')).to.deep.include({ type: 'VALUE', value: 'two' });
      expect(await text.cas('k', 1, 'three')).to.deep.equal({ type: 'ERR_VERSION' });
      expect(await text.cas('k', 2, 'three')).to.deep.include({ type: 'OK', version: 3 });
      expect(await text.getm('k')).to.deep.include({ version: 3, exptimeS: 0, value: 'three' });
      expect(await text.delete('k')).to.deep.equal({ type: 'DELETED' });
      expect(await text.delete('k')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
      expect(await text.cas('k', 3, 'four')).to.deep.equal({ type: 'ERR_NOT_FOUND' });
      expect(await text.set('k', 'anew')).to.deep.include({ type: 'OK', version: 1 });
    });

    it('add tells a revision that gets shows, and by which cas and delete know the last change', async () => {
      const [added] = await text.replies('add k 0 1\r\na\r\n', 1);
      const revision = added?.type === 'ADDED' ? added.revision : 0;
      expect(revision).to.be.greaterThan(0);
      expect(await text.replies('add k 0 1\r\nb\r\n', 1)).to.deep.equal([{ type: 'ERR_EXISTS' }]);
      const [seen] = await text.replies('gets k\r\n', 1);
      expect(seen).to.deep.include({ revision, version: 1, value: 'a' });
      const [stored] = await text.replies(`cas k 0 @${revision} 1\r\nc\r\n`, 1);
      expect(stored).to.deep.include({ type: 'OK', version: 2 });
      const next = stored?.type === 'OK' ? (stored.revision ?? 0) : 0;
      expect(next).to.be.greaterThan(revision);
      expect(await text.replies(`delete k @${revision}\r\n`, 1)).to.deep.equal([{ type: 'ERR_VERSION' }]);
      expect(await text.replies(`delete k @${next}\r\n`, 1)).to.deep.equal([{ type: 'DELETED' }]);
    });

    it('a pipeline is answered in its order, silent and bad commands in it too', async () => {
      const replies = await text.replies(
        'set a 0 1\r\n1\r\nget a\r\nset a 0 1 noreply\r\n2\r\nbogus\r\nget a\r\ndelete a\r\nget a\r\n',
        6,
      );
      expect(replies.map(({ type }) => type)).to.deep.equal([
        'OK',
        'VALUE',
        'ERR_CMD_ERR',
        'VALUE',
        'DELETED',
        'ERR_NOT_FOUND',
      ]);
      expect(replies[3]).to.deep.include({ value: '2' });
    });

    it('a value is any bytes up to the limit, and both protocols see it', async () => {
      const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
      const value = bytes.repeat(4096);
      expect(value.length).to.equal(1024 * 1024);
      expect(await text.set('big', value)).to.deep.include({ version: 1 });
      expect(await redis.call('GET', 'big')).to.equal(value);
      expect(await redis.call('SET', 'small', bytes)).to.deep.equal({ simple: 'OK' });
      expect(await text.get('small')).to.deep.include({ value: bytes });
    });

    it('a key is never seen past its deadline, and shows how long it lives until then', async () => {
      expect(await text.set('k', 'x', 100)).to.deep.include({ version: 1 });
      expect(await text.getm('k')).to.deep.include({ exptimeS: 100 });
      expect(await redis.call('PERSIST', 'k')).to.equal(1);
      expect(await text.getm('k')).to.deep.include({ exptimeS: 0, version: 1 });
      await redis.call('PEXPIRE', 'k', '50');
      await eventually('the key expires', async () => (await text.get('k')).type === 'ERR_NOT_FOUND');
      expect(await redis.call('SET', 'k', 'y', 'NX')).to.deep.equal({ simple: 'OK' });
      expect(await text.getm('k')).to.deep.include({ version: 1, exptimeS: 0 });
    });

    it('Redis commands on strings do what they do', async () => {
      const replies = await redis.pipeline(
        ['MSET', 'a', '1', 'b', '2'],
        ['INCRBY', 'a', '41'],
        ['APPEND', 'b', '0'],
        ['MGET', 'a', 'b', 'c'],
        ['GETSET', 'a', 'x'],
        ['COPY', 'a', 'c'],
        ['RENAME', 'b', 'd'],
        ['EXISTS', 'a', 'b', 'c', 'd'],
        ['SETRANGE', 'c', '3', 'z'],
        ['GETRANGE', 'c', '0', '-1'],
        ['BITOP', 'AND', 'e', 'a', 'c'],
        ['STRLEN', 'e'],
        ['TTL', 'a'],
        ['DEL', 'a', 'c', 'd', 'e'],
        ['DBSIZE'],
        ['INCR', 'a', 'b'],
      );
      expect(replies.slice(0, 15)).to.deep.equal([
        { simple: 'OK' },
        42,
        2,
        ['42', '20', null],
        '42',
        1,
        { simple: 'OK' },
        3,
        4,
        'x\0\0z',
        4,
        4,
        -1,
        4,
        0,
      ]);
      expect(replies[15]).to.have.property('error');
    });

    it('a transaction is done as a whole, or not at all if a watched key has changed', async () => {
      const other = await RedisClient.connect(engine.cluster.options.routerPort ?? 0);
      try {
        await redis.call('SET', 'k', '1');
        await redis.call('WATCH', 'k', 'absent');
        await redis.pipeline(['MULTI'], ['INCR', 'k'], ['SET', 'absent', 'x'], ['GET', 'absent']);
        expect(await redis.call('EXEC')).to.deep.equal([2, { simple: 'OK' }, 'x']);
        await redis.call('WATCH', 'k');
        await other.call('SET', 'k', '10');
        await redis.pipeline(['MULTI'], ['INCR', 'k']);
        expect(await redis.call('EXEC')).to.equal(null);
        expect(await other.call('GET', 'k')).to.equal('10');
      } finally {
        other.close();
      }
    });

    it('what one client was told is seen by all others at once', async () => {
      const port = engine.cluster.options.routerPort ?? 0;
      const readers = await Promise.all(Array.from({ length: 5 }, () => TextClient.connect(port)));
      try {
        for (let version = 1; version <= 20; version += 1) {
          await text.set('k', `${version}`);
          const seen = await Promise.all(readers.map((reader) => reader.get('k')));
          for (const one of seen) expect(one).to.deep.include({ value: `${version}` });
        }
      } finally {
        for (const reader of readers) reader.close();
      }
    });

    it('counts of many clients at once are all there', async () => {
      const port = engine.cluster.options.routerPort ?? 0;
      const clients = await Promise.all(Array.from({ length: 8 }, () => RedisClient.connect(port)));
      try {
        const commands = Array.from({ length: 50 }, () => ['INCR', 'n']);
        const all = await Promise.all(clients.map((client) => client.pipeline(...commands)));
        const numbers = all.flat().map(Number);
        expect(numbers.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 400 }, (_, i) => i + 1));
      } finally {
        for (const client of clients) client.close();
      }
    });

    it('KEYS, SCAN, RANDOMKEY and CLUSTER find the keys that there are, and none past its deadline', async () => {
      const names = Array.from({ length: 250 }, (_, i) => `name:${i}`);
      await redis.call('MSET', ...names.slice(0, 100).flatMap((name) => [name, 'x']));
      await redis.call('MSET', ...names.slice(100, 200).flatMap((name) => [name, 'x']));
      await redis.call('MSET', ...names.slice(200).flatMap((name) => [name, 'x']));
      await redis.call('SET', 'for a while', 'x', 'EX', '100');
      await redis.call('SET', 'soon gone', 'x', 'PX', '1');
      await redis.call('SET', '\xff\0\x80', 'bytes');
      await eventually('it is gone', async () => (await redis.call('GET', 'soon gone')) === null);
      const all = [...names, 'for a while', '\xff\0\x80'].sort();
      expect(strings(await redis.call('KEYS', '*')).sort()).to.deep.equal(all);
      expect(await redis.call('KEYS', 'name:1?9')).to.have.members(
        names.filter((name) => /:1.9$/.test(name)),
      );
      expect(await redis.call('KEYS', 'absent*')).to.deep.equal([]);
      expect((await scanned(redis, 'COUNT', '7')).sort()).to.deep.equal(all);
      expect(await scanned(redis, 'COUNT', '1000', 'MATCH', 'name:24?')).to.have.length(10);
      expect(await redis.call('SCAN', '0', 'TYPE', 'hash', 'COUNT', '1000')).to.deep.equal(['0', []]);
      const drawn = new Set<unknown>();
      await eventually(
        'RANDOMKEY draws several',
        async () => drawn.add(await redis.call('RANDOMKEY')).size > 3,
      );
      expect(all).to.include.members([...drawn]);
      const slot = String(await redis.call('CLUSTER', 'KEYSLOT', 'name:1'));
      expect(await redis.call('CLUSTER', 'GETKEYSINSLOT', slot, '10')).to.include('name:1');
      const inSlot = strings(await redis.call('CLUSTER', 'GETKEYSINSLOT', slot, '1000'));
      expect(await redis.call('CLUSTER', 'COUNTKEYSINSLOT', slot)).to.equal(inSlot.length);
      expect(await redis.call('DBSIZE')).to.equal(all.length);
      expect(await redis.call('INFO', 'keyspace')).to.include(`db0:keys=${all.length},`);
    });

    it('commands that read many keys are refused bad arguments, and find nothing where there is nothing', async () => {
      expect(await redis.call('SCAN', 'x'))
        .to.have.property('error')
        .that.includes('invalid cursor');
      expect(await redis.call('SCAN', '0', 'COUNT', '0'))
        .to.have.property('error')
        .that.includes('syntax');
      expect(await redis.call('CLUSTER', 'COUNTKEYSINSLOT', '16384')).to.have.property('error');
      expect(await redis.call('RANDOMKEY')).to.equal(null);
      expect(await redis.call('KEYS', '*')).to.deep.equal([]);
      expect(await redis.call('INFO', 'keyspace')).not.to.include('db0');
      const replies = await redis.pipeline(
        ['SET', 'k', 'v'],
        ['KEYS', '*'],
        ['SCAN', '0'],
        ['DEL', 'k'],
        ['GET', 'k'],
      );
      expect(replies).to.deep.equal([{ simple: 'OK' }, ['k'], ['0', ['k']], 1, null]);
    });

    it('a scan finds all keys that are there throughout, although its server dies and other keys come and go', async () => {
      const stays = Array.from({ length: 100 }, (_, i) => `stays:${i}`);
      const goes = Array.from({ length: 100 }, (_, i) => `goes:${i}`);
      await redis.call('MSET', ...stays.flatMap((name) => [name, 'x']));
      await redis.call('MSET', ...goes.flatMap((name) => [name, 'x']));
      const { cluster } = engine;
      const found: string[] = [];
      let cursor = '0';
      for (let page = 0; page === 0 || cursor !== '0'; page += 1) {
        const reply = await redis.call('SCAN', cursor, 'COUNT', '20');
        expect(reply).to.be.an('array');
        const [next, names] = Array.isArray(reply) ? reply : [];
        cursor = String(next);
        found.push(...strings(names));
        await redis.call('DEL', `goes:${page}`, ...found.filter((name) => name.startsWith('goes')));
        await redis.call('SET', `comes:${page}`, 'x');
        if (page !== 2) continue;
        const killed = cluster.leader ?? 0;
        await cluster.kill(killed);
        await eventually('the next server answers', async () => (await text.get('stays:0')).type === 'VALUE');
        await cluster.restart(killed);
      }
      expect(found).to.include.members(stays);
    });

    it('a command of a session is executed once, and a repeat gets the first reply, also at another server', async () => {
      const session = await text.openSession();
      await text.set('n', 'x');
      const add = 'add a 0 1\r\n1\r\n';
      const added = await text.once(session, { seq: 1, done: 0 }, add);
      expect(added).to.have.property('type', 'ADDED');
      expect(await text.once(session, { seq: 1, done: 0 }, add)).to.deep.equal(added);
      const [seen] = await text.replies('gets a\r\n', 1);
      expect(seen).to.have.property('revision', added.type === 'ADDED' ? added.revision : 0);
      const cas = 'cas n 0 1 1\r\ny\r\n';
      const stored = await text.once(session, { seq: 2, done: 0 }, cas);
      expect(stored).to.deep.equal({ type: 'OK', version: 2 });
      await text.set('n', 'z');
      const { cluster } = engine;
      const killed = cluster.leader ?? 0;
      await cluster.kill(killed);
      await eventually('the next server answers', async () => (await text.get('n')).type === 'VALUE');
      expect(await text.once(session, { seq: 2, done: 0 }, cas)).to.deep.equal(stored);
      expect(await text.once(session, { seq: 1, done: 0 }, add)).to.deep.equal(added);
      await cluster.restart(killed);
      expect(await text.getm('n')).to.deep.include({ version: 3, value: 'z' });
    });

    it('what a session has done is forgotten as its client says, and a session that is over executes nothing', async () => {
      const session = await text.openSession();
      const set = 'set k 0 1\r\nx\r\n';
      expect(await text.once(session, { seq: 1, done: 0 }, set)).to.deep.equal({ type: 'OK', version: 1 });
      expect(await text.once(session, { seq: 3, done: 1 }, set)).to.deep.equal({ type: 'OK', version: 2 });
      expect(await text.once(session, { seq: 2, done: 1 }, set)).to.deep.equal({ type: 'OK', version: 3 });
      expect(await text.once(session, { seq: 3, done: 1 }, set)).to.deep.equal({ type: 'OK', version: 2 });
      expect(await text.once(session, { seq: 1, done: 0 }, set)).to.deep.equal({ type: 'ERR_CMD_ERR' });
      expect(await text.once(session, { seq: 1025, done: 0 }, set)).to.deep.equal({ type: 'ERR_CMD_ERR' });
      const long = 'x'.repeat(70_000);
      await redis.call('SET', 'long', long);
      const kept = ['ONCE', session, '4', '3', 'GETSET', 'long', 'short'];
      expect(await redis.call(...kept)).to.equal(long);
      expect(await redis.call(...kept))
        .to.have.property('error')
        .that.matches(/^SESSION/);
      expect(await redis.call('GET', 'long')).to.equal('short');
      const [closed] = await text.replies(`session close ${session}\r\n`, 1);
      expect(closed).to.deep.equal({ type: 'CLOSED' });
      expect(await text.once(session, { seq: 5, done: 3 }, set)).to.deep.include({ type: 'ERR_SESSION' });
      expect(await text.replies(`session close ${session}\r\n`, 1)).to.deep.equal([{ type: 'CLOSED' }]);
      expect(await text.once('never-was', { seq: 1, done: 0 }, set)).to.deep.include({ type: 'ERR_SESSION' });
      expect(await text.getm('k')).to.deep.include({ version: 3 });
    });

    it('many commands of a session at once, on several connections and some of them twice, are executed once', async () => {
      const session = String(await redis.call('SESSION', 'OPEN', '60'));
      const port = engine.cluster.options.routerPort ?? 0;
      const clients = await Promise.all(Array.from({ length: 3 }, () => RedisClient.connect(port)));
      try {
        const commands = Array.from({ length: 60 }, (_, i) => [
          'ONCE',
          session,
          `${i + 1}`,
          '0',
          'INCR',
          'n',
        ]);
        const all = await Promise.all(clients.map((client) => client.pipeline(...commands)));
        expect(await redis.call('GET', 'n')).to.equal('60');
        for (const replies of all) expect(replies).to.deep.equal(all[0]);
        expect(all[0]?.map(Number).sort((a, b) => a - b)).to.deep.equal(
          Array.from({ length: 60 }, (_, i) => i + 1),
        );
      } finally {
        for (const client of clients) client.close();
      }
    });

    it("the package's client updates, locks and elects", async () => {
      const port = engine.cluster.options.routerPort ?? 0;
      const clients = Array.from(
        { length: 3 },
        () => new KvClient({ servers: [`127.0.0.1:${port}`], timeoutMs: WAIT_TIMEOUT_MS }),
      );
      try {
        const updates = clients.flatMap((kv) =>
          Array.from({ length: 5 }, () => kv.update('count', (old) => `${Number(old ?? 0) + 1}`)),
        );
        await Promise.all(updates);
        const [kv] = clients;
        if (kv === undefined) throw new Error('there is no client');
        expect(await kv.get('count')).to.equal('15');
        const tokens: number[] = [];
        let holders = 0;
        await Promise.all(
          clients.map(async (one) => {
            const lock = await one.lock('lock', { ttl: 30 });
            holders += 1;
            expect(holders).to.equal(1);
            tokens.push(lock.fencingToken);
            await one.set('guarded', 'x');
            holders -= 1;
            await lock.release();
          }),
        );
        expect(tokens).to.deep.equal([...tokens].sort((a, b) => a - b));
        expect(new Set(tokens).size).to.equal(3);
      } finally {
        for (const kv of clients) await kv.close();
      }
    });

    engineWatches(() => engine.cluster);

    it('a connection through the router survives the server that it goes to', async () => {
      await text.set('k', 'before');
      const { cluster } = engine;
      const killed = cluster.leader ?? 0;
      await cluster.kill(killed);
      await eventually('the next server answers', async () => (await text.get('k')).type === 'VALUE');
      expect(await text.get('k')).to.deep.include({ value: 'before' });
      await cluster.restart(killed);
    });
  });
}

function strings(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}

/** All that a scan with these options finds. */
async function scanned(redis: RedisClient, ...options: string[]): Promise<string[]> {
  const found: string[] = [];
  let cursor = '0';
  do {
    const reply = await redis.call('SCAN', cursor, ...options);
    const [next, names] = Array.isArray(reply) ? reply : [];
    cursor = String(next);
    found.push(...strings(names));
  } while (cursor !== '0');
  return found;
}
