/** The client of the package against a cluster, on each way that leads to it. */

import { expect } from 'chai';
import { type KeyValueClient, KvClient } from '../../src/client/index.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { newAuthority, signedBy } from '../../tools/support/certificates.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { eventually, TestCluster, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { codeOf } from '../support/new-cluster.js';

/** The machine may be busy: calls end by their outcome, not by time. */
const timeoutMs = WAIT_TIMEOUT_MS;

const WAYS: Readonly<Record<string, (cluster: Cluster) => KeyValueClient>> = {
  'the router': (cluster) => {
    const { host, port } = cluster.routerAddress ?? { host: '', port: 0 };
    return new KvClient({ servers: [`${host}:${port}`], timeoutMs });
  },
  'any server': (cluster) =>
    new KvClient({ servers: cluster.ids.map((id) => cluster.serverAddress(id)), timeoutMs }),
  'no socket': (cluster) => cluster.client({ timeoutMs }),
};

for (const [way, connect] of Object.entries(WAYS)) {
  describe(`KvClient, by way of ${way}`, () => {
    let cluster: TestCluster;
    let kv: KeyValueClient;

    before(async () => {
      cluster = await TestCluster.start();
      kv = connect(cluster.cluster);
    });
    after(async () => {
      await kv.close();
      await cluster.close();
    });

    it('writes, reads and deletes', async () => {
      expect(await kv.get('basic')).to.equal(undefined);
      expect(await kv.set('basic', 'one')).to.equal(1);
      expect(await kv.set('basic', 'zwei ☃', { ttl: 60 })).to.equal(2);
      expect(await kv.get('basic')).to.equal('zwei ☃');
      expect(await kv.getWithVersion('basic')).to.deep.include({ value: 'zwei ☃', version: 2, ttl: 60 });
      expect(await kv.delete('basic')).to.equal(true);
      expect(await kv.delete('basic')).to.equal(false);
      expect(await kv.getWithVersion('basic')).to.equal(undefined);
    });

    it('takes any bytes as a value, and texts as keys', async () => {
      const bytes = Uint8Array.from({ length: 300 }, (_, i) => i);
      await kv.set('schlüssel/☃', bytes);
      const read = await kv.getBuffer('schlüssel/☃');
      expect(read).to.deep.equal(Buffer.from(bytes));
      expect(read?.buffer.byteLength).to.equal(300);
      await kv.set('empty', '');
      expect(await kv.get('empty')).to.equal('');
      expect(await kv.getWithVersion('empty')).to.deep.include({ value: '', ttl: undefined });
    });

    it('writes only over the version that it knows', async () => {
      const version = await kv.set('counter', '1');
      expect(await kv.cas('counter', '2', version)).to.equal(version + 1);
      expect(await codeOf(kv.cas('counter', '3', version))).to.equal('ERR_VERSION');
      expect(await codeOf(kv.cas('absent', '3', 1))).to.equal('ERR_NOT_FOUND');
    });

    it('writes only at the revision that it knows, which never comes again', async () => {
      const revision = await kv.add('place', 'first');
      expect(revision).to.be.greaterThan(1e15);
      expect(await kv.add('place', 'second')).to.equal(undefined);
      expect(await kv.getWithVersion('place')).to.deep.include({ value: 'first', revision });
      expect(await codeOf(kv.delete('place', { version: 7 }))).to.equal('ERR_VERSION');
      expect(await kv.delete('place', { revision: revision ?? 0 })).to.equal(true);
      expect(await kv.add('place', 'third')).to.be.greaterThan(revision ?? 0);
      expect(await codeOf(kv.cas('place', 'fourth', { revision: revision ?? 0 }))).to.equal('ERR_VERSION');
      expect(await kv.cas('place', 'fourth', { version: 1 })).to.equal(2);
    });

    it('updates a value as often as it is asked to, however many do so at once', async () => {
      const increment = (old: string | undefined) => String(Number(old ?? 0) + 1);
      await Promise.all(Array.from({ length: 20 }, () => kv.update('sum', increment)));
      expect(await kv.get('sum')).to.equal('20');
      expect(await kv.update('sum', () => undefined)).to.equal('20');
    });

    it('holds a lock alone, and each holder has a larger token', async () => {
      let holders = 0;
      const tokens: number[] = [];
      const hold = async () => {
        const lock = await kv.lock('room', { ttl: 30 });
        holders += 1;
        expect(holders).to.equal(1);
        tokens.push(lock.fencingToken);
        await kv.get('room');
        holders -= 1;
        await lock.release();
      };
      await Promise.all([hold(), hold(), hold()]);
      expect(tokens).to.deep.equal([...tokens].sort((a, b) => a - b));
      // A busy machine may let the time end within a try.
      const both = Promise.all([kv.lock('one'), kv.lock('one', { timeoutMs: 300 })]);
      expect(await codeOf(both)).to.be.oneOf(['ERR_TIMEOUT', 'ERR_UNKNOWN_OUTCOME']);
    });

    it('elects one leader, and the next when that gives up', async () => {
      const first = await kv.elect('boss', { candidate: 'a' });
      const second = kv.elect('boss', { candidate: 'b' });
      expect(await kv.get('election:boss')).to.match(/ a$/);
      await first.release();
      expect((await second).fencingToken).to.be.greaterThan(first.fencingToken);
      expect(await kv.get('election:boss')).to.match(/ b$/);
      await (await second).release();
    });

    it('watches each change once, in order, from all keys on and over a lost leader', async () => {
      await kv.set('watched/ä', 'before');
      const view = new Map<string, string>();
      const seen: number[] = [];
      let isSynced = false;
      const watch = kv.watch('watched/', { from: 0 });
      const watched = (async () => {
        for await (const change of watch) {
          // The keys that are told before are in the order of their names.
          if (change.type === 'synced' || change.type === 'reset') isSynced = change.type === 'synced';
          else if (isSynced && 'revision' in change) seen.push(change.revision);
          if (change.type === 'set') view.set(change.key, change.value);
          if (change.type === 'deleted') view.delete(change.key);
          if (view.get('watched/end') === 'yes') return;
        }
      })();
      for (let i = 0; i < 50; i += 1) await kv.set(`watched/${i % 5}`, String(i));
      const leader = await cluster.leader();
      await cluster.cluster.kill(leader);
      await kv.delete('watched/0');
      await kv.set('watched/end', 'yes');
      await watched;
      await cluster.cluster.restart(leader);
      expect(seen).to.deep.equal([...new Set(seen)].sort((a, b) => a - b));
      expect(Object.fromEntries(view)).to.deep.equal({
        'watched/ä': 'before',
        'watched/1': '46',
        'watched/2': '47',
        'watched/3': '48',
        'watched/4': '49',
        'watched/end': 'yes',
      });
    });

    it('watches keys that Redis clients write, however long they are', async () => {
      const redis = await RedisClient.connect(cluster.cluster.routerAddress?.port ?? 0);
      const keys = ['long/'.padEnd(5000, ' '), 'long/'.padEnd(2 ** 20, '\n'), 'long/end'];
      for (const key of keys) await redis.call('SET', key, 'x');
      redis.close();
      const told: string[] = [];
      for await (const change of kv.watch('long/', { from: 0 })) {
        if (change.type === 'synced') break;
        // A server that is slow to tell is left, and all keys follow anew.
        if (change.type === 'reset') told.length = 0;
        if (change.type === 'set') told.push(change.key);
      }
      expect(told).to.have.members(keys);
    });

    it('takes a value of 1 MiB, and is told of one that is too long', async () => {
      const large = 'x'.repeat(1024 * 1024);
      await kv.set('large', large);
      expect(await kv.get('large')).to.equal(large);
      expect(await codeOf(kv.set('large', `${large}x`))).to.equal('ERR_REFUSED');
    });

    it('has thousands of calls under way at once', async () => {
      const keys = Array.from({ length: 5000 }, (_, i) => `many-${i}`);
      await Promise.all(keys.map((key, i) => kv.set(key, String(i))));
      const values = await Promise.all(keys.map((key) => kv.get(key)));
      expect(values).to.deep.equal(keys.map((_, i) => String(i)));
    });

    it('goes on at the next leader', async () => {
      const old = await cluster.leader();
      await kv.set('kept', 'yes');
      await cluster.cluster.kill(old);
      expect(await kv.get('kept')).to.equal('yes');
      await kv.set('kept', 'still');
      await cluster.cluster.restart(old);
      expect(await kv.get('kept')).to.equal('still');
    });
  });
}

describe('KvClient', () => {
  it('writes each of many increments once while leaders are killed', async () => {
    const cluster = await TestCluster.start();
    const { host, port } = cluster.cluster.routerAddress ?? { host: '', port: 0 };
    const clients = [
      new KvClient({ servers: [`${host}:${port}`], timeoutMs }),
      new KvClient({ servers: cluster.ids.map((id) => cluster.cluster.serverAddress(id)), timeoutMs }),
      cluster.cluster.client({ timeoutMs }),
    ];
    await clients[0]?.set('sum', '0');
    let done = 0;
    let isOver = false;
    const incremented = clients.map(async (kv) => {
      while (!isOver) {
        const read = await kv.getWithVersion('sum');
        if (read === undefined) throw new Error('the sum is gone');
        const code = await codeOf(kv.cas('sum', String(Number(read.value) + 1), read.version));
        if (code === undefined) done += 1;
        else expect(code).to.equal('ERR_VERSION');
      }
    });
    for (let round = 0; round < 4; round += 1) {
      const goal = done + 20;
      const leader = await cluster.leader();
      await cluster.cluster.kill(leader);
      await eventually('the clients get on', () => done >= goal);
      await cluster.cluster.restart(leader);
    }
    isOver = true;
    await Promise.all(incremented);
    expect(await clients[0]?.get('sum')).to.equal(String(done));
    await Promise.all(clients.map((kv) => kv.close()));
    await cluster.close();
  });

  it('says its password, and speaks TLS to those whose certificate it can check', async () => {
    const authority = await newAuthority();
    const tls = { ...(await signedBy(authority)), ca: authority.cert };
    const cluster = await TestCluster.start({ servers: 1, tls, password: 'secret' });
    const servers = [cluster.cluster.serverAddress(0)];
    const own = await signedBy(authority);
    const codes: unknown[] = [];
    for (const options of [
      { password: 'secret', tls: { ca: authority.cert, ...own } },
      { password: 'wrong', tls: { ca: authority.cert, ...own } },
      { tls: { ca: authority.cert, ...own } },
      { password: 'secret', tls: { ...own } },
      { password: 'secret' },
    ]) {
      const isRight = codes.length < 3;
      const kv = new KvClient({ servers, timeoutMs: isRight ? timeoutMs : 500, ...options });
      codes.push(await codeOf(kv.set('k', 'v')));
      await kv.close();
    }
    expect(codes).to.deep.equal([undefined, 'ERR_AUTH', 'ERR_AUTH', 'ERR_TIMEOUT', 'ERR_TIMEOUT']);
    await cluster.close();
  });

  it('refuses certificates that TLS cannot use before it connects', () => {
    for (const tls of [{ cert: 'nonsense', key: 'nonsense' }, { ciphers: 'nonsense' }])
      expect(() => new KvClient({ servers: ['127.0.0.1:1'], tls }))
        .to.throw('tls: ')
        .with.property('code', 'ERR_ARGUMENT');
  });

  it('ends in time where nobody listens, and says so', async () => {
    const kv = new KvClient({ servers: ['127.0.0.1:1'], timeoutMs: 200 });
    const error = await kv.get('k').catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'ERR_TIMEOUT');
    expect(error).to.have.property('message').that.contains('ECONNREFUSED');
    await kv.close();
  });
});
