/** Redis clients, real ones too, against a running cluster. */

import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Cluster as IoCluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { MAX_VALUE_BYTES } from '../../src/limits.js';
import type { RedisClient } from '../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../support/cluster.js';
import { useRedisClients } from '../support/redis-clients.js';

const OK = { simple: 'OK' };
const OUTCOME_UNKNOWN = 'UNKNOWN leadership was lost: the write may or may not have happened';
const KILLS = 15;
/** How often each client writes and reads before the next leader is terminated. */
const STEPS_BETWEEN_KILLS = 10;
const PATIENT_MS = 2_000;

const hasCli = spawnSync('redis-cli', ['--version']).status === 0;

/** Writes again as long as nobody knows what became of it, which is the only error there may be. */
async function untilKnown(write: () => Promise<string | null>): Promise<void> {
  const reply = await write().catch((error: unknown) => {
    expect(error).to.have.property('message', OUTCOME_UNKNOWN);
    return undefined;
  });
  if (reply === undefined) await untilKnown(write);
  else expect(reply).to.equal('OK');
}

function words(line: string): string[] {
  return line.split(' ');
}

describe('a cluster that speaks Redis', () => {
  let cluster: TestCluster;
  const connect = useRedisClients();

  before(async () => {
    // On a busy machine a leader may be silent for longer than usual over the largest commands.
    cluster = await TestCluster.start({ electionTimeoutMs: PATIENT_MS });
  });

  after(() => cluster.close());

  async function leader(): Promise<RedisClient> {
    return connect(cluster.cluster.serverAddress(await cluster.leader()).port);
  }

  async function follower(): Promise<RedisClient> {
    const [id = 0] = await cluster.followers();
    return connect(cluster.cluster.serverAddress(id).port);
  }

  function router(): Promise<RedisClient> {
    return connect(cluster.cluster.routerAddress?.port ?? 0);
  }

  it('reads what the text protocol wrote, version and deadline included, and the other way round', async () => {
    const redis = await leader();
    const text = await cluster.leaderClient();
    expect(await redis.call('SET', 'both', '\0\r\n\xff')).to.deep.equal(OK);
    expect(await redis.call('EXPIRE', 'both', '1000')).to.equal(1);
    expect(await text.getm('both')).to.deep.include({ version: 1, value: '\0\r\n\xff', exptimeS: 1000 });
    expect(await text.set('both', 'text', 500)).to.deep.equal({ type: 'OK', version: 2 });
    expect(await redis.call('GET', 'both')).to.equal('text');
    expect(await redis.call('TTL', 'both')).to.be.within(499, 500);
    await redis.call('INCR', 'counted');
    await redis.call('INCR', 'counted');
    expect(await text.cas('counted', 2, '40')).to.deep.equal({ type: 'OK', version: 3 });
    expect(await redis.call('INCR', 'counted')).to.equal(41);
  });

  it('answers a pipeline in its order, reads after writes included', async () => {
    const redis = await leader();
    const replies = await redis.pipeline(
      ...[
        'SET p 1',
        'GET p',
        'INCR p',
        'GET p',
        'PING',
        'MULTI',
        'INCR p',
        'GET p',
        'EXEC',
        'GET p',
        'DEL p',
        'GET p',
      ].map(words),
    );
    const queued = { simple: 'QUEUED' };
    expect(replies).to.deep.equal([
      OK,
      '1',
      2,
      '2',
      { simple: 'PONG' },
      OK,
      queued,
      queued,
      [3, '3'],
      '3',
      1,
      null,
    ]);
  });

  it('lets a key expire to the millisecond', async () => {
    const redis = await leader();
    await redis.call('SET', 'short', 'v', 'PX', '60');
    expect(await redis.call('GET', 'short')).to.equal('v');
    await eventually('it is gone', async () => (await redis.call('GET', 'short')) === null, 1_000);
    expect(await redis.call('EXISTS', 'short')).to.equal(0);
  });

  it('gives up a transaction whose watched key another client changed, and no other', async () => {
    const [one, other] = [await leader(), await leader()];
    await one.call('SET', 'w', '1');
    await one.call('WATCH', 'w');
    await other.call('SET', 'w', '2');
    await one.pipeline(words('MULTI'), words('SET w 3'));
    expect(await one.call('EXEC')).to.equal(null);
    const replies = await one.pipeline(words('WATCH w'), words('MULTI'), words('SET w 4'), words('EXEC'));
    expect(replies.at(-1)).to.deep.equal([OK]);
    expect(await other.call('GET', 'w')).to.equal('4');
  });

  it('begins anew after RESET, where it stands in a pipeline', async () => {
    const redis = await leader();
    const before = await redis.pipeline(['SET', 'r', '1'], ['RESET'], ['MULTI'], ['SET', 'r', '2']);
    expect(before).to.deep.equal([OK, { simple: 'RESET' }, OK, { simple: 'QUEUED' }]);
    expect(await redis.call('EXEC')).to.deep.equal([OK]);
    expect(await redis.pipeline(['MULTI'], ['RESET'], ['EXEC'])).to.deep.equal([
      OK,
      { simple: 'RESET' },
      { error: 'ERR EXEC without MULTI' },
    ]);
  });

  it('takes what stands after WATCH and HELLO in a pipeline, after a write, too', async () => {
    const redis = await leader();
    const replies = await redis.pipeline(
      ...[
        'SET w 1',
        'WATCH w',
        'MULTI',
        'INCR w',
        'EXEC',
        'SET w 3',
        'HELLO 3',
        'GET w',
        'CONFIG GET save',
      ].map(words),
    );
    expect(replies.slice(0, 6)).to.deep.equal([OK, OK, OK, { simple: 'QUEUED' }, [2], OK]);
    expect(replies.slice(7)).to.deep.equal(['3', { map: [['save', '']] }]);
  });

  it('sends clients of a follower to the leader by MOVED, and answers there what needs no key', async () => {
    const redis = await follower();
    const { port } = cluster.cluster.serverAddress(await cluster.leader());
    const moved = { error: `MOVED 12182 127.0.0.1:${port}` };
    for (const line of ['GET foo', 'SET foo v', 'DEL foo bar', 'WATCH foo', 'SET foo v EX 5'])
      expect(await redis.call(...words(line)), line).to.deep.equal(moved);
    expect(await redis.call('PING')).to.deep.equal({ simple: 'PONG' });
    const replies = await redis.pipeline(words('MULTI'), words('SET foo v'), words('EXEC'));
    expect(replies).to.deep.equal([
      OK,
      moved,
      { error: 'EXECABORT Transaction discarded because of previous errors.' },
    ]);
  });

  it('describes the leader as the owner of all slots', async () => {
    const redis = await follower();
    const { port } = cluster.cluster.serverAddress(await cluster.leader());
    const slots = await redis.call('CLUSTER', 'SLOTS');
    expect(slots).to.have.nested.property('[0][1]', 16_383);
    expect(slots).to.have.nested.property('[0][2][1]', port);
    expect(await redis.call('CLUSTER', 'KEYSLOT', 'foo')).to.equal(12_182);
    expect(await redis.call('CLUSTER', 'NODES'))
      .to.match(/myself,slave/)
      .and.match(/ 0-16383\n/);
    expect(await redis.call('CLUSTER', 'INFO')).to.include('cluster_state:ok');
    expect(await redis.call('INFO', 'replication')).to.include('role:slave');
  });

  it('speaks version 3 when it is asked to', async () => {
    const redis = await leader();
    const hello = await redis.call('HELLO', '3', 'SETNAME', 'me');
    expect(hello).to.have.nested.property('map[0]').that.deep.equals(['server', 'redis']);
    expect(await redis.call('GET', 'never written')).to.equal(null);
    expect(await redis.call('CLIENT', 'GETNAME')).to.equal('me');
    expect(await redis.call('HELLO', '4')).to.deep.equal({ error: 'NOPROTO unsupported protocol version' });
    expect(await redis.call('RESET')).to.deep.equal({ simple: 'RESET' });
    expect(await redis.call('CLIENT', 'GETNAME')).to.equal(null);
  });

  it('walks through all keys by SCAN', async () => {
    const redis = await leader();
    await redis.pipeline(...Array.from({ length: 50 }, (_, i) => ['SET', `scan:${i}`, 'v']));
    const found = new Set<unknown>();
    let cursor = '0';
    do {
      const reply = await redis.call('SCAN', cursor, 'MATCH', 'scan:*', 'COUNT', '7');
      if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new TypeError('no SCAN reply');
      cursor = String(reply[0]);
      for (const key of reply[1]) found.add(key);
    } while (cursor !== '0');
    expect(found.size).to.equal(50);
  });

  it('answers reads at a follower after READONLY, each of them fresh', async () => {
    const [writer, reader] = [await leader(), await follower()];
    expect(await reader.call('READONLY')).to.deep.equal(OK);
    for (let i = 0; i < 30; i += 1) {
      await writer.call('SET', 'fresh', `${i}`);
      expect(await reader.call('GET', 'fresh')).to.equal(`${i}`);
    }
    expect(await reader.call('MGET', 'fresh', 'no such key')).to.deep.equal(['29', null]);
    expect(await reader.call('SET', 'fresh', 'v'))
      .to.have.property('error')
      .match(/^MOVED /);
    expect(await reader.call('READWRITE')).to.deep.equal(OK);
    expect(await reader.call('GET', 'fresh'))
      .to.have.property('error')
      .match(/^MOVED /);
  });

  it('goes on with a walk at the next leader, through the router and at its own port', async () => {
    const through = await router();
    const keys = Array.from({ length: 300 }, (_, i) => `walk:${i}`);
    await through.pipeline(...keys.map((key) => ['SET', key, 'v']));
    const found = new Set<unknown>();
    let cursor = '0';
    const page = async (redis: RedisClient) => {
      const reply = await redis.call('SCAN', cursor, 'COUNT', '100');
      if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new TypeError(`no page: ${String(reply)}`);
      cursor = String(reply[0]);
      for (const key of reply[1]) found.add(key);
    };
    await page(through);
    const old = await cluster.leader();
    await cluster.cluster.kill(old);
    await cluster.leader();
    await page(through);
    await cluster.cluster.restart(old);
    while (cursor !== '0') await page(await leader());
    expect([...found]).to.include.members(keys);
  });

  it('tells nothing of keys at a leader that is cut off from the others', async () => {
    const through = await router();
    await through.call('SET', 'seen', '1');
    const old = await cluster.leader();
    const redis = await connect(cluster.cluster.serverAddress(old).port);
    await cluster.cluster.partition([[old]]);
    try {
      await eventually('another server leads', async () => (await cluster.leader()) !== old);
      expect(await through.call('DEL', 'seen')).to.equal(1);
      for (const line of [
        'SCAN 0',
        'DBSIZE',
        'KEYS *',
        'RANDOMKEY',
        'TYPE seen',
        'CLUSTER COUNTKEYSINSLOT 1',
      ])
        expect(await redis.call(...words(line)), line)
          .to.have.property('error')
          .match(/^(?:MOVED|CLUSTERDOWN) /);
    } finally {
      await cluster.cluster.heal();
    }
  });

  it('closes a connection whose stream makes no sense, after it answered what came before', async () => {
    const redis = await leader();
    const pong = redis.call('PING');
    expect(await redis.raw('SET k "v\r\n')).to.deep.equal({
      error: 'ERR Protocol error: unbalanced quotes in request',
    });
    expect(await pong).to.deep.equal({ simple: 'PONG' });
    await redis.closed;
    const leaving = await leader();
    expect(await leaving.call('QUIT')).to.deep.equal(OK);
    await leaving.closed;
  });

  it('refuses a value over the limit, reads it to its end, and goes on', async () => {
    for (const redis of [await router(), await leader(), await follower()]) {
      const value = 'v'.repeat(3 * MAX_VALUE_BYTES);
      expect(await redis.call('SET', 'large', value)).to.deep.equal({
        error: `ERR a value of over ${MAX_VALUE_BYTES} bytes`,
      });
      const replies = await redis.pipeline(['MULTI'], ['SET', 'large', value], ['EXEC'], ['PING']);
      expect(replies).to.deep.equal([
        OK,
        { error: `ERR a value of over ${MAX_VALUE_BYTES} bytes` },
        { error: 'EXECABORT Transaction discarded because of previous errors.' },
        { simple: 'PONG' },
      ]);
      const commands = ['APPEND', 'SET', 'SETRANGE'].map((name) => [
        name,
        'large',
        '0',
        `${value}${value}${value}`,
      ]);
      for (const reply of await redis.pipeline(...commands))
        expect(reply).to.deep.equal({ error: `ERR a value of over ${MAX_VALUE_BYTES} bytes` });
      expect(await redis.call('PING')).to.deep.equal({ simple: 'PONG' });
    }
  });

  it('takes values of any bytes up to a mebibyte', async () => {
    const redis = await router();
    const value = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i))
      .join('')
      .repeat(4096);
    expect(await redis.call('SET', 'large', value)).to.deep.equal(OK);
    expect(await redis.call('GET', 'large')).to.equal(value);
    expect(await redis.call('APPEND', 'large', 'x'))
      .to.have.property('error')
      .that.match(/^ERR string exceeds/);
  });

  it('takes a pipeline of commands of the largest size', async () => {
    const value = 'v'.repeat(1_000_000);
    const commands = [3, 1, 2, 3, 1, 3].map((count) => [
      'MSET',
      ...Array.from({ length: count }, (_, i) => [`part ${i}`, value]).flat(),
    ]);
    for (const client of [await leader(), await router()])
      expect(await client.pipeline(...commands)).to.deep.equal(commands.map(() => OK));
  });

  it('refuses scripts and other types by a clear error', async () => {
    const redis = await leader();
    for (const line of ['EVAL x 0', 'DEBUG SLEEP 1', 'PUBLISH c m', 'LPUSH l 1'])
      expect(await redis.call(...words(line)))
        .to.have.property('error')
        .that.match(/^ERR unknown command/);
  });

  describe('and redis-cli', () => {
    before(function () {
      if (hasCli) return;
      process.stdout.write('skipped: redis-cli is not installed (Debian: redis-tools)\n');
      this.skip();
    });

    async function cli(port: number, ...args: readonly string[]): Promise<string> {
      const { stdout } = await promisify(execFile)('redis-cli', ['-p', `${port}`, ...args]);
      return stdout.trim();
    }

    it('sets and gets, at the leader, by a follower, through the router', async () => {
      const { port } = cluster.cluster.serverAddress(await cluster.leader());
      const [id = 0] = await cluster.followers();
      const routerPort = cluster.cluster.routerAddress?.port ?? 0;
      expect(await cli(port, 'set', 'cli', 'v')).to.equal('OK');
      expect(await cli(cluster.cluster.serverAddress(id).port, '-c', 'get', 'cli')).to.equal('v');
      expect(await cli(routerPort, 'get', 'cli')).to.equal('v');
      expect((await cli(routerPort, '--scan', '--pattern', 'cli')).split('\n')).to.deep.equal(['cli']);
      expect(await cli(routerPort, 'INFO')).to.include('redis_version:');
    });
  });
});

describe('Redis clients while the leader is terminated again and again', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await TestCluster.start();
  });

  afterEach(() => cluster.close());

  /** Terminates one leader after the other, and has each client write and read before, meanwhile and after that. */
  async function survive(...clients: readonly ((n: number) => Promise<void>)[]): Promise<void> {
    const counts = clients.map(() => 0);
    let isOver = false;
    const steps = clients.map(async (step, place) => {
      for (let n = 1; !isOver; n += 1) {
        await step(n);
        counts[place] = n;
      }
    });
    const killing = (async () => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        const goals = counts.map((count) => count + STEPS_BETWEEN_KILLS);
        await eventually('every client gets on', () =>
          counts.every((count, place) => count >= (goals[place] ?? 0)),
        );
        const leader = await cluster.leader();
        await cluster.cluster.kill(leader);
        await cluster.leader();
        await cluster.cluster.restart(leader);
      }
    })();
    await Promise.race([killing, Promise.all(steps)]).finally(() => {
      isOver = true;
    });
    await Promise.all(steps);
  }

  it('go on: ioredis through the router and as a cluster client, node-redis through the router', async function () {
    this.timeout(120_000);
    const routerPort = cluster.cluster.routerAddress?.port ?? 0;
    const routed = new Redis(routerPort);
    const clustered = new IoCluster(
      cluster.ids.map((id) => ({ ...cluster.cluster.serverAddress(id) })),
      {
        clusterRetryStrategy: () => 20,
        retryDelayOnFailover: 20,
        retryDelayOnClusterDown: 20,
        maxRedirections: 100,
        slotsRefreshTimeout: 500,
      },
    );
    const other = createClient({ socket: { port: routerPort, host: '127.0.0.1' } });
    for (const client of [routed, clustered, other]) client.on('error', () => undefined);
    let lostConnections = 0;
    for (const event of ['close', 'reconnecting']) {
      for (const client of [routed, other])
        client.on(event, () => {
          lostConnections += 1;
        });
    }
    await other.connect();
    try {
      await survive(
        async (n) => {
          await untilKnown(() => routed.set('routed', `${n}`));
          expect(await routed.get('routed')).to.equal(`${n}`);
        },
        async (n) => {
          // It is cut off from a leader that is killed, and asks again by itself; but one may be deposed as well.
          await untilKnown(() => clustered.set('clustered', `${n}`));
          expect(await clustered.get('clustered')).to.equal(`${n}`);
        },
        async (n) => {
          await untilKnown(() => other.set('other', `${n}`));
          expect(await other.get('other')).to.equal(`${n}`);
        },
      );
      expect(lostConnections).to.equal(0);
    } finally {
      routed.disconnect();
      clustered.disconnect();
      other.destroy();
    }
  });

  it('node-redis finds its way as a cluster client', async () => {
    const rootNodes = cluster.ids.map((id) => {
      const { host, port } = cluster.cluster.serverAddress(id);
      return { socket: { host, port } };
    });
    const redis = createCluster({ rootNodes });
    redis.on('error', () => undefined);
    await redis.connect();
    try {
      expect(await redis.set('k', 'v')).to.equal('OK');
      expect(await redis.get('k')).to.equal('v');
      await cluster.cluster.kill(await cluster.leader());
      await cluster.leader();
      await eventually('it has found the new leader', () =>
        redis.get('k').then(
          (value) => value === 'v',
          () => false,
        ),
      );
    } finally {
      redis.destroy();
    }
  });
});
