import { expect } from 'chai';
import { EtcdCluster } from '../../src/cluster/etcd-cluster.js';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually } from '../support/cluster.js';
import { codeOf, LogRecorder } from '../support/new-cluster.js';

const NO_ANSWER = 'etcd does not answer: it is tried again until it does';

(HAS_ETCD ? describe : describe.skip)('Servers whose keys are in etcd', () => {
  let etcd: Etcd;
  let cluster: EtcdCluster;
  let log: LogRecorder;
  let port: number;

  beforeEach(async () => {
    etcd = await Etcd.start();
    port = await freePorts();
    log = new LogRecorder();
    cluster = newCluster('threadraft/');
  });

  afterEach(async () => {
    await cluster.close();
    etcd.goOn();
    await etcd.stop();
  });

  function newCluster(prefix: string, firstPort = port): EtcdCluster {
    const access = { endpoints: [etcd.endpoint], prefix };
    const options = { servers: 2, port: firstPort, routerPort: firstPort + 20 };
    return new EtcdCluster(options, access, { logger: log.logger });
  }

  it('each answer everything, side by side with those of another process, and redirect nobody', async () => {
    await cluster.start();
    const other = newCluster('threadraft/', await freePorts());
    await other.start();
    const clients = await Promise.all([
      TextClient.connect(cluster.serverAddress(0).port),
      TextClient.connect(cluster.serverAddress(1).port),
      TextClient.connect(other.serverAddress(1).port),
    ]);
    try {
      for (const [place, client] of clients.entries())
        expect(await client.set('k', `${place}`)).to.deep.include({ type: 'OK', version: place + 1 });
      for (const client of clients) expect(await client.get('k')).to.deep.include({ value: '2' });
    } finally {
      for (const client of clients) client.close();
      await other.close();
    }
  });

  it('keep what is under one prefix apart from what is under another', async () => {
    await cluster.start();
    const other = newCluster('threadraft2/', await freePorts());
    await other.start();
    const [one, two] = await Promise.all([
      RedisClient.connect(cluster.serverAddress(0).port),
      RedisClient.connect(other.serverAddress(0).port),
    ]);
    try {
      await one.call('SET', 'k', '1');
      await two.call('SET', 'k', '2');
      await one.call('FLUSHALL');
      expect(await one.call('DBSIZE')).to.equal(0);
      expect(await two.call('GET', 'k')).to.equal('2');
    } finally {
      one.close();
      two.close();
      await other.close();
    }
  });

  it('wait for an etcd that is not there at the start, with one line, and serve once it is', async () => {
    await etcd.kill();
    const started = cluster.start();
    await eventually('the log says that etcd does not answer', () => log.find(NO_ANSWER).length > 0);
    // Another server may have said so before this one's port is open.
    await eventually('the port is open', () => isOpen(cluster.serverAddress(0).port));
    const client = await TextClient.connect(cluster.serverAddress(0).port);
    expect(await client.get('k')).to.deep.equal({ type: 'ERR_INTERNAL' });
    expect(cluster.engine.isServing).to.equal(false);
    await etcd.run();
    await started;
    expect(await client.set('k', 'x')).to.deep.include({ type: 'OK' });
    expect(log.find(NO_ANSWER)).to.have.length(1);
    client.close();
  });

  it('answer within bounds while etcd does not, tell an unknown outcome, and recover by themselves', async () => {
    await cluster.start();
    const text = await TextClient.connect(cluster.serverAddress(0).port);
    const redis = await RedisClient.connect(cluster.serverAddress(1).port);
    try {
      await text.set('k', '1');
      await redis.call('SET', 'n', '1');
      await etcd.pause();
      const beganAtMs = performance.now();
      const [read, incremented] = await Promise.all([text.get('k'), redis.call('INCR', 'n')]);
      expect(performance.now() - beganAtMs).to.be.lessThan(20_000);
      expect(read).to.deep.equal({ type: 'ERR_INTERNAL' });
      expect(incremented)
        .to.have.property('error')
        .that.matches(/^(CLUSTERDOWN|UNKNOWN)/);
      await eventually('the servers complain', () => cluster.troubleOf(0) !== undefined);
      etcd.goOn();
      await eventually('etcd answers again', async () => (await text.get('k')).type === 'VALUE');
      await eventually('the servers are well', () => cluster.troubleOf(0) === undefined);
      expect(await redis.call('GET', 'n')).to.be.oneOf(['1', '2']);
    } finally {
      text.close();
      redis.close();
    }
  });

  it('never do a write again that the server before them may have done', async () => {
    await cluster.start();
    const redis = await RedisClient.connect(cluster.options.routerPort ?? 0);
    try {
      for (let round = 0; round < 5; round += 1) {
        await redis.call('SET', 'n', '0');
        const increments = redis.pipeline(...Array.from({ length: 500 }, () => ['INCR', 'n']));
        await eventually('some are done', async () => {
          const other = await RedisClient.connect(cluster.serverAddress(1).port);
          const done = Number(await other.call('GET', 'n'));
          other.close();
          return done > 0;
        });
        const routed = cluster.isUp(0) ? 0 : 1;
        await cluster.kill(routed);
        const replies = await increments;
        const told = replies.filter((reply) => typeof reply === 'number');
        const last = Number(await redis.call('GET', 'n'));
        const unknown = replies.length - told.length;
        expect(last).to.be.within(told.length, told.length + unknown);
        expect(new Set(told).size).to.equal(told.length);
        for (const reply of replies)
          if (typeof reply !== 'number')
            expect(reply)
              .to.have.property('error')
              .that.matches(/^UNKNOWN/);
        await cluster.restart(routed);
        if (routed === 1) continue;
        await cluster.kill(1);
        await cluster.restart(1);
      }
    } finally {
      redis.close();
    }
  });

  it('refuse what has a meaning in Raft alone', async () => {
    await cluster.start();
    const refusals = [
      () => cluster.transferLeadership(),
      () => cluster.partition(),
      () => cluster.setLink(),
      () => cluster.heal(),
      () => cluster.members(),
      () => cluster.addServer(),
      () => cluster.removeServer(),
      () => cluster.replaceServer(),
      () => cluster.changeMembers(),
      () => cluster.backup(),
    ];
    for (const refusal of refusals) expect(await codeOf(refusal())).to.equal('WRONG_STATE');
    expect((await cluster.status()).leader).to.equal(null);
  });

  it('refuse the commands that they do not have, and say so', async () => {
    await cluster.start();
    const redis = await RedisClient.connect(cluster.serverAddress(0).port);
    try {
      const replies = await redis.pipeline(['MULTI'], ['FLUSHALL'], ['EXEC'], ['PING']);
      expect(replies[2])
        .to.have.property('error')
        .that.matches(/not supported with --engine etcd/);
      expect(replies[3]).to.deep.equal({ simple: 'PONG' });
    } finally {
      redis.close();
    }
  });
});

async function isOpen(port: number): Promise<boolean> {
  try {
    const client = await TextClient.connect(port);
    client.close();
    return true;
  } catch {
    return false;
  }
}
