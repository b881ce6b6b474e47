/** Keyspace notifications: SUBSCRIBE and PSUBSCRIBE, by real clients, on a server's port and through the router. */

import { expect } from 'chai';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { MAX_UNREAD_REPLY_BYTES } from '../../src/limits.js';
import { type Raw, RedisClient } from '../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../support/cluster.js';
import { useRedisClients } from '../support/redis-clients.js';

const BY_EVENT = '__keyevent@0__:';
const BY_KEY = '__keyspace@0__:';

describe('subscribers', () => {
  let cluster: TestCluster;
  const connect = useRedisClients();

  before(async () => {
    cluster = await TestCluster.start();
  });

  after(() => cluster.close());

  const routerPort = () => cluster.cluster.routerAddress?.port ?? 0;
  const router = () => connect(routerPort());

  async function follower(): Promise<RedisClient> {
    const [id = 0] = await cluster.followers();
    return connect(cluster.cluster.serverAddress(id).port);
  }

  async function hears(client: RedisClient, ...messages: Raw[]): Promise<void> {
    await eventually(`it is told of ${messages.length} more`, () => client.told.length >= messages.length);
    expect(client.told.splice(0)).to.deep.equal(messages);
  }

  it('are told of keys and events at the router and at any server, in both versions', async () => {
    const writer = await router();
    for (const [name, client] of [
      ['router', await router()],
      ['follower', await follower()],
    ] as const) {
      for (const version of [2, 3]) {
        const key = `${name}${version}`;
        if (version === 3) await client.call('HELLO', '3');
        client.write(
          `SUBSCRIBE ${BY_KEY}${key} ${BY_EVENT}del\r\nPSUBSCRIBE __key*__:${key}* ${BY_EVENT}*\r\n`,
        );
        await hears(
          client,
          ['subscribe', `${BY_KEY}${key}`, 1],
          ['subscribe', `${BY_EVENT}del`, 2],
          ['psubscribe', `__key*__:${key}*`, 3],
          ['psubscribe', `${BY_EVENT}*`, 4],
        );
        await writer.call('SET', key, 'v', 'EX', '100');
        await writer.call('DEL', key, 'missing');
        await hears(
          client,
          ['message', `${BY_KEY}${key}`, 'set'],
          ['pmessage', `__key*__:${key}*`, `${BY_KEY}${key}`, 'set'],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}set`, key],
          ['message', `${BY_KEY}${key}`, 'expire'],
          ['pmessage', `__key*__:${key}*`, `${BY_KEY}${key}`, 'expire'],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}expire`, key],
          ['message', `${BY_KEY}${key}`, 'del'],
          ['pmessage', `__key*__:${key}*`, `${BY_KEY}${key}`, 'del'],
          ['message', `${BY_EVENT}del`, key],
          ['pmessage', `${BY_EVENT}*`, `${BY_EVENT}del`, key],
        );
        client.write('UNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nUNSUBSCRIBE\r\n');
        await hears(
          client,
          ['unsubscribe', `${BY_KEY}${key}`, 3],
          ['unsubscribe', `${BY_EVENT}del`, 2],
          ['punsubscribe', `__key*__:${key}*`, 1],
          ['punsubscribe', `${BY_EVENT}*`, 0],
          ['unsubscribe', null, 0],
        );
        expect(await client.call('PING')).to.deep.equal({ simple: 'PONG' });
      }
    }
  });

  it('of RESP2 may do little else, and those of RESP3 whatever they like', async () => {
    const client = await router();
    expect(await client.call('SUBSCRIBE', 'other')).to.deep.equal(['subscribe', 'other', 1]);
    expect(await client.call('PING')).to.deep.equal(['pong', '']);
    expect(await client.call('PING', 'x')).to.deep.equal(['pong', 'x']);
    for (const command of ['GET', 'CLIENT|ID', 'HELLO', 'MULTI']) {
      const [name = '', ...args] = command.split('|');
      expect(await client.call(name, ...args, ...(name === 'GET' ? ['k'] : []))).to.deep.equal({
        error: `ERR Can't execute '${command.toLowerCase()}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
      });
    }
    expect(await client.call('NONSENSE'))
      .to.have.property('error')
      .that.contains('unknown command');
    expect(await client.call('RESET')).to.deep.equal({ simple: 'RESET' });
    expect(await client.call('GET', 'k')).to.equal(null);
    await client.call('HELLO', '3');
    client.write(`SUBSCRIBE ${BY_KEY}mine\r\n`);
    await hears(client, ['subscribe', `${BY_KEY}mine`, 1]);
    expect(
      await client.pipeline(['SET', 'mine', '1'], ['MULTI'], ['INCR', 'mine'], ['SUBSCRIBE', 'x'], ['EXEC']),
    ).to.deep.equal([
      { simple: 'OK' },
      { simple: 'OK' },
      { simple: 'QUEUED' },
      { error: 'ERR Command not allowed inside a transaction' },
      { error: 'EXECABORT Transaction discarded because of previous errors.' },
    ]);
    expect(
      await client.pipeline(['MULTI'], ['INCR', 'mine'], ['EXPIRE', 'mine', '9'], ['EXEC']),
    ).to.have.lengthOf(4);
    await hears(
      client,
      ['message', `${BY_KEY}mine`, 'set'],
      ['message', `${BY_KEY}mine`, 'incrby'],
      ['message', `${BY_KEY}mine`, 'expire'],
    );
    expect(await client.call('CLIENT', 'REPLY', 'ON')).to.deep.equal({ simple: 'OK' });
    client.write('CLIENT REPLY OFF\r\nDEL mine\r\n');
    await hears(client, ['message', `${BY_KEY}mine`, 'del']);
    client.write('SUBSCRIBE other\r\n');
    await hears(client, ['subscribe', 'other', 2]);
  });

  it('are shown by CLIENT LIST, INFO and PUBSUB', async () => {
    const client = await router();
    client.write('CLIENT SETNAME listener\r\nSUBSCRIBE a ba __keyspace@0__:k\r\nPSUBSCRIBE x*\r\n');
    await eventually('it is subscribed', () => client.told.length === 5);
    const asking = await router();
    const line = String(await asking.call('CLIENT', 'LIST'))
      .split('\n')
      .find((text) => text.includes('name=listener'));
    expect(line).to.match(/ flags=P db=0 sub=3 psub=1 /);
    expect(await asking.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).to.contain('name=listener');
    expect(await asking.call('CLIENT', 'LIST', 'TYPE', 'normal')).not.to.contain('name=listener');
    const info = String(await asking.call('INFO'));
    for (const part of ['pubsub_clients:1', 'pubsub_channels:3', 'pubsub_patterns:1'])
      expect(info).to.contain(part);
    expect(await asking.call('PUBSUB', 'CHANNELS')).to.have.members(['a', 'ba', '__keyspace@0__:k']);
    expect(await asking.call('PUBSUB', 'CHANNELS', '*a')).to.have.members(['a', 'ba']);
    expect(await asking.call('PUBSUB', 'NUMSUB', 'a', 'none')).to.deep.equal(['a', 1, 'none', 0]);
    expect(await asking.call('PUBSUB', 'NUMPAT')).to.equal(1);
    expect(await asking.call('PUBSUB', 'HELP')).to.be.an('array');
    client.close();
    await eventually('it is gone', async () => (await asking.call('PUBSUB', 'NUMPAT')) === 0);
    expect(await asking.call('PUBSUB', 'CHANNELS')).to.deep.equal([]);
  });

  it('are told of what CONFIG SET notify-keyspace-events says, at all servers', async () => {
    const [client, asking] = [await follower(), await router()];
    client.write('PSUBSCRIBE __key*\r\n');
    await hears(client, ['psubscribe', '__key*', 1]);
    expect(await asking.call('CONFIG', 'GET', 'notify-keyspace-events')).to.deep.equal([
      'notify-keyspace-events',
      'AKE',
    ]);
    expect(await asking.call('CONFIG', 'SET', 'notify-keyspace-events', 'Kq')).to.have.property('error');
    expect(await asking.call('CONFIG', 'SET', 'notify-keyspace-events', 'Egn')).to.deep.equal({
      simple: 'OK',
    });
    await asking.pipeline(['SET', 'flags', 'x'], ['APPEND', 'flags', 'y'], ['DEL', 'flags']);
    await hears(
      client,
      ['pmessage', '__key*', `${BY_EVENT}new`, 'flags'],
      ['pmessage', '__key*', `${BY_EVENT}del`, 'flags'],
    );
    await asking.call('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
    expect(await asking.call('CONFIG', 'GET', 'notify-keyspace-events')).to.deep.equal([
      'notify-keyspace-events',
      'AKE',
    ]);
  });

  it('use ioredis and node-redis as they are', async () => {
    const told: string[] = [];
    const io = new Redis({ port: routerPort() });
    const node = createClient({ url: `redis://127.0.0.1:${routerPort()}` });
    await node.connect();
    try {
      io.on('pmessage', (_, channel: string, event: string) => told.push(`io ${channel} ${event}`));
      await io.psubscribe(`${BY_KEY}lib*`);
      await node.subscribe(`${BY_EVENT}expire`, (key) => told.push(`node ${key}`));
      const writer = await router();
      await writer.call('SET', 'library', 'v', 'PX', '50');
      await eventually('both are told', () => told.length === 4);
      expect(told).to.have.members([
        `io ${BY_KEY}library set`,
        `io ${BY_KEY}library expire`,
        'node library',
        `io ${BY_KEY}library expired`,
      ]);
      expect(await writer.call('GET', 'library')).to.equal(null);
    } finally {
      io.disconnect();
      node.destroy();
    }
  });

  it('go on at the next leader, and are told of each change once', async () => {
    const client = await router();
    client.write(`SUBSCRIBE ${BY_KEY}counter\r\nPSUBSCRIBE ${BY_EVENT}incr*\r\n`);
    await eventually('it is subscribed', () => client.told.length === 2);
    client.told.length = 0;
    const writer = await router();
    let count = 0;
    const countOn = async () => {
      for (let write = 0; write < 25; write += 1) {
        count += 1;
        expect(await writer.call('INCR', 'counter')).to.equal(count);
      }
    };
    for (let round = 0; round < 4; round += 1) {
      await countOn();
      const leader = await cluster.leader();
      if (round % 2 === 0) await cluster.cluster.kill(leader);
      else await cluster.cluster.transferLeadership((await cluster.followers())[0] ?? 0);
      await countOn();
      if (round % 2 === 0) await cluster.cluster.restart(leader);
    }
    await eventually('it is told of all', () => client.told.length >= 2 * count);
    const expected = Array.from({ length: count }, () => [
      ['message', `${BY_KEY}counter`, 'incrby'],
      ['pmessage', `${BY_EVENT}incr*`, `${BY_EVENT}incrby`, 'counter'],
    ]).flat();
    expect(client.told).to.deep.equal(expected);
    expect(await client.call('PING')).to.deep.equal(['pong', '']);
    expect(await client.call('UNSUBSCRIBE')).to.deep.equal(['unsubscribe', `${BY_KEY}counter`, 1]);
  });
});

describe('a subscriber that does not read', () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.start({ servers: 1, watchHistory: 5_000 });
  });

  after(() => cluster.close());

  it('is told a limited amount, and disconnected once it has missed something; others are told all', async () => {
    const port = cluster.cluster.routerAddress?.port ?? 0;
    const [slow, quick, writer] = await Promise.all([
      RedisClient.connect(port),
      RedisClient.connect(port),
      RedisClient.connect(port),
    ]);
    try {
      await slow.call('CLIENT', 'SETNAME', 'slow');
      await slow.call('PSUBSCRIBE', '*');
      await quick.call('SUBSCRIBE', `${BY_EVENT}set`);
      slow.pause();
      const pairs = Array.from({ length: 500 }, (_, i) => [`${i}`.padStart(240, 'k'), 'v']).flat();
      let count = 0;
      let unread = 0;
      await eventually('the slow one is disconnected', async () => {
        await writer.call('MSET', ...pairs);
        count += 500;
        const list = String(await writer.call('CLIENT', 'LIST'));
        const line = list.split('\n').find((text) => text.includes('name=slow'));
        unread = Math.max(unread, Number(/ obl=(\d+) /.exec(line ?? '')?.[1] ?? 0));
        return line === undefined;
      });
      expect(unread).to.be.within(MAX_UNREAD_REPLY_BYTES / 2, MAX_UNREAD_REPLY_BYTES + 1_000);
      await eventually('the quick one is told of all', () => quick.told.length === count);
    } finally {
      for (const client of [slow, quick, writer]) client.close();
    }
  });
});
