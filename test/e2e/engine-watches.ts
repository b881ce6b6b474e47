/** What those see who watch, or subscribe, is the same whatever engine keeps the keys. Part of engine-suite.ts. */

import { expect } from 'chai';
import { KvClient } from '../../src/client/index.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { Lines } from '../support/lines.js';

const BY_EVENT = '__keyevent@0__:';
const BY_KEY = '__keyspace@0__:';

/** @param clusterOf a running cluster without keys, with a router */
export function engineWatches(clusterOf: () => Cluster): void {
  let text: TextClient;
  let redis: RedisClient;
  let watchers: Lines[] = [];

  beforeEach(async () => {
    text = await TextClient.connect(port());
    redis = await RedisClient.connect(port());
  });

  afterEach(() => {
    text.close();
    redis.close();
    for (const watcher of watchers) watcher.close();
    watchers = [];
  });

  function port(): number {
    return clusterOf().options.routerPort ?? 0;
  }

  function watch(line: string, at = port()): Lines {
    const watcher = new Lines(at);
    watchers.push(watcher);
    watcher.send(`${line}\r\n`);
    return watcher;
  }

  it('each change is told in the order of revisions, at the router and at every server', async () => {
    const ports = [port(), ...clusterOf().ids.map((id) => clusterOf().serverAddress(id).port)];
    const told = await Promise.all(
      ports.map(async (at) => {
        const watcher = watch('watch k', at);
        expect((await watcher.has(1))[0]).to.match(/^WATCHING \d+$/);
        return watcher;
      }),
    );
    await text.set('k1', 'a');
    await text.set('other', 'x');
    await text.set('k1', 'bc', 100);
    await redis.call('MSET', 'k2', '2', 'k3', '3');
    await text.delete('k1');
    await redis.call('PERSIST', 'k2');
    await redis.call('SET', 'k4', 'x', 'PX', '300');
    await eventually('it expires', async () => (await text.get('k4')).type === 'ERR_NOT_FOUND');
    await redis.call('SET', 'k5', 'x', 'EX', '100');
    await redis.call('DEL', 'k5');
    await redis.call('FLUSHALL');
    for (const watcher of told) {
      await eventually('the last change', () => watcher.lines.some((line) => line.startsWith('FLUSHED')));
      const lines = watcher.lines.filter((line) => !line.startsWith('AT '));
      const shapes = lines.slice(1).map((line) => line.replace(/^([A-Z]+) \d+/, '$1'));
      expect(shapes).to.deep.equal([
        ...[
          'SET k1 1 0 1',
          'a',
          'SET k1 2 100 2',
          'bc',
          'SET k2 1 0 1',
          '2',
          'SET k3 1 0 1',
          '3',
          'DELETED k1',
        ],
        ...['SET k4 1 1 1', 'x', 'EXPIRED k4', 'SET k5 1 100 1', 'x', 'DELETED k5', 'FLUSHED'],
      ]);
      const revisions = lines.flatMap((line) => /^[A-Z]+ (\d+)/.exec(line)?.[1] ?? []).map(Number);
      expect(revisions).to.deep.equal([...new Set(revisions)].sort((a, b) => a - b));
      expect(lines.slice(1)).to.deep.equal(told[0]?.lines.filter((line) => !line.startsWith('AT ')).slice(1));
    }
  });

  it('a watch begins with the state, in the order of the keys, and goes on from any of its revisions', async () => {
    for (const key of ['k2', 'k1', 'x', 'k3', 'k\xff']) await text.set(key, `v${key}`);
    await text.delete('k3');
    const watcher = watch('watch k 0');
    await eventually('the state', () => watcher.lines.some((line) => line.startsWith('AT ')));
    const [begun = '', ...state] = [...watcher.lines];
    const last = Number(begun.split(' ')[1]);
    expect(state.map((line) => line.replace(/^(SET|AT) \d+/, '$1'))).to.deep.equal([
      ...['SET k1 1 0 3', 'vk1', 'SET k2 1 0 3', 'vk2', 'SET k%FF 1 0 3', 'vk\xff', 'AT'],
    ]);
    expect(Number(state.at(-1)?.split(' ')[1])).to.be.at.least(last);
    await text.set('k9', 'y');
    await eventually('the change', () => watcher.lines.at(-1) === 'y');
    const first = Number(state[0]?.split(' ')[1]);
    const again = watch(`watch k ${first}`);
    await eventually('all since the first', () => again.lines.at(-1) === 'y');
    expect(
      again.lines.filter((line) => /^[A-Z]+ \d+ k/.test(line)).map((line) => line.split(' ')[2]),
    ).to.deep.equal([...['k1', 'k3', 'k%FF', 'k3', 'k9']]);
    const beyond = watch(`watch k ${last + 1_000_000}`);
    expect((await beyond.has(1))[0]).to.match(/^ERR_COMPACTED \d+$/);
  });

  it('a watch through the router goes on when its server dies, and tells each change once', async () => {
    const watcher = watch('watch n');
    await watcher.has(1);
    const cluster = clusterOf();
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 20; i += 1) await text.set(`n${round}.${i}`, 'x');
      const killed = cluster.leader ?? round;
      await cluster.kill(killed);
      await eventually('a server answers', async () => (await text.set(`nk${round}`, 'x')).type === 'OK');
      await cluster.restart(killed);
    }
    await text.set('nend', 'x');
    await eventually('the last change', () => watcher.lines.some((line) => line.includes(' nend ')));
    const told = watcher.lines.filter((line) => line.startsWith('SET ')).map((line) => line.split(' ')[2]);
    const wanted = [0, 1].flatMap((round) => [
      ...Array.from({ length: 20 }, (_, i) => `n${round}.${i}`),
      `nk${round}`,
    ]);
    expect(told.filter((key, i) => key !== told[i - 1])).to.deep.equal([...wanted, 'nend']);
  });

  it("the package's client watches", async () => {
    const kv = new KvClient({ servers: [`127.0.0.1:${port()}`], timeoutMs: WAIT_TIMEOUT_MS });
    try {
      await kv.set('w/1', 'a');
      const ending = new AbortController();
      const seen: string[] = [];
      const watching = (async () => {
        for await (const change of kv.watch('w/', { from: 0, signal: ending.signal })) {
          seen.push('key' in change ? `${change.type} ${change.key}` : change.type);
          if (seen.includes('set w/1') && seen.length === 1) await kv.set('w/2', 'b');
          if (seen.some((one) => one.endsWith('w/2'))) ending.abort();
        }
      })().catch(() => undefined);
      await eventually('it is told of both', () => seen.some((one) => one.endsWith('w/2')));
      await watching;
    } finally {
      await kv.close();
    }
  });

  it('subscribers are told of keys and events, at the router and at every server', async () => {
    const subscribed = await Promise.all(
      [port(), ...clusterOf().ids.map((id) => clusterOf().serverAddress(id).port)].map((at) =>
        RedisClient.connect(at),
      ),
    );
    try {
      for (const client of subscribed) {
        client.write(`SUBSCRIBE ${BY_KEY}a ${BY_EVENT}del\r\nPSUBSCRIBE ${BY_EVENT}*\r\n`);
        await eventually('it is subscribed', () => client.told.length === 3);
        client.told.splice(0);
      }
      await redis.call('SET', 'a', '1', 'EX', '100');
      await redis.call('INCR', 'b');
      await redis.call('RENAME', 'b', 'c');
      await redis.call('DEL', 'a');
      for (const client of subscribed) {
        await eventually('it is told of all', () => client.told.length === 10);
        expect(client.told).to.deep.equal([
          ['message', `${BY_KEY}a`, 'set'],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}set`, 'a'],
          ['message', `${BY_KEY}a`, 'expire'],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}expire`, 'a'],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}incrby`, 'b'],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}rename_from`, 'b'],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}rename_to`, 'c'],
          ['message', `${BY_KEY}a`, 'del'],
          ['message', `${BY_EVENT}del`, 'a'],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}del`, 'a'],
        ]);
      }
      expect(await redis.call('PUBSUB', 'NUMPAT')).to.be.a('number');
    } finally {
      for (const client of subscribed) client.close();
    }
  });
}
