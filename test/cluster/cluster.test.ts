import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { Cluster } from '../../src/cluster/cluster.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, everyServerUp, temporaryDirectory, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { codeOf, LogRecorder, newCluster } from '../support/new-cluster.js';

describe('a running cluster', () => {
  let cluster: Cluster;
  let log: LogRecorder;

  beforeEach(async () => {
    log = new LogRecorder();
    cluster = await newCluster({}, { log });
    await cluster.start();
    await everyServerUp(cluster);
  });
  afterEach(() => cluster.close());

  async function leaderAndFollowers(): Promise<[number, number, number]> {
    const leader = await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    return [leader, (leader + 1) % 3, (leader + 2) % 3];
  }

  it('has started once a leader answers clients, and logged who', async () => {
    const { leader } = cluster;
    expect(leader).to.be.oneOf([0, 1, 2]);
    expect(log.find('elected leader', leader)[0]).to.include({ server: leader });
    expect(log.find('leader serves clients', leader)).to.have.lengthOf(1);
    const client = await TextClient.connect(cluster.serverAddress(leader ?? 0).port);
    expect(await client.set('k', 'v')).to.deep.equal({ type: 'OK', version: 1 });
    client.close();
  });

  it('tells its status', async () => {
    const { leader, servers } = await cluster.status();
    expect(leader).to.equal(cluster.leader);
    expect(servers.map(({ id }) => id)).to.deep.equal([0, 1, 2]);
    const told = servers[leader ?? 0];
    expect(told).to.have.all.keys(
      'id state reason role term votedFor commitIndex lastApplied lastIndex snapshotIndex host port'.split(
        ' ',
      ),
    );
    expect(told).to.include({ state: 'running', role: 'leader', votedFor: leader, host: '127.0.0.1' });
    expect(told?.term).to.be.greaterThan(0);
  });

  it('tells of a killed server what was known last, as of a stopped follower', async () => {
    const [leader] = await leaderAndFollowers();
    const before = (await cluster.status()).servers[leader];
    await cluster.kill(leader);
    const after = (await cluster.status()).servers[leader];
    expect(after).to.deep.equal({ ...before, state: 'stopped', role: 'follower' });
  });

  it('elects another leader when the leader is killed, and takes it back when it is restarted', async () => {
    const [old] = await leaderAndFollowers();
    await cluster.kill(old);
    expect(await cluster.waitForLeader(WAIT_TIMEOUT_MS)).not.to.equal(old);
    await cluster.restart(old);
    const { servers } = await cluster.status();
    expect(servers.map(({ state }) => state)).to.deep.equal(['running', 'running', 'running']);
  });

  it('refuses to kill what is down, to restart what runs, and to know what is not there', async () => {
    const [, follower] = await leaderAndFollowers();
    expect(await codeOf(cluster.restart(follower))).to.equal('WRONG_STATE');
    await cluster.kill(follower);
    expect(await codeOf(cluster.kill(follower))).to.equal('WRONG_STATE');
    expect(await codeOf(cluster.block(follower, 1))).to.equal('WRONG_STATE');
    expect(await codeOf(cluster.transferLeadership(follower))).to.equal('WRONG_STATE');
    for (const call of [cluster.kill(3), cluster.restart(-1), cluster.transferLeadership(0.5)])
      expect(await codeOf(call)).to.equal('UNKNOWN_SERVER');
    expect(() => cluster.serverAddress(3)).to.throw('there is no server 3: there are 0, 1, 2');
  });

  it('restarts a server at once after its death, again and again', async () => {
    const [, follower] = await leaderAndFollowers();
    for (let round = 0; round < 5; round += 1) {
      const killed = cluster.kill(follower);
      await cluster.restart(follower);
      await killed;
    }
    expect(log.find('server is up', follower)).to.have.lengthOf(6);
    expect(log.find('server cannot run; it stays down until it is restarted')).to.deep.equal([]);
  });

  it('lets a server be killed while it starts, and refuses that start', async () => {
    const [, follower] = await leaderAndFollowers();
    await cluster.kill(follower);
    const restarted = codeOf(cluster.restart(follower));
    await cluster.kill(follower);
    expect(await restarted).to.equal('WRONG_STATE');
    await cluster.restart(follower);
    expect(log.find('server is up', follower)).to.have.lengthOf(2);
  });

  it('fails a call whose server is killed before it answers', async () => {
    const [, follower] = await leaderAndFollowers();
    const blocked = codeOf(cluster.block(follower, 3_600_000));
    await cluster.kill(follower);
    expect(await blocked).to.equal('SERVER_GONE');
  });

  it('tells the last status of a server that is busy', async () => {
    const [, follower] = await leaderAndFollowers();
    const before = (await cluster.status()).servers[follower];
    const blocked = cluster.block(follower, 3_600_000).catch(() => {});
    const after = (await cluster.status()).servers[follower];
    expect(after).to.include({ state: 'running', term: before?.term });
    await cluster.kill(follower);
    await blocked;
  });

  it('keeps a server cut off that was restarted during the partition, until it is healed', async () => {
    const [, lonely] = await leaderAndFollowers();
    await cluster.partition([[lonely]]);
    await cluster.kill(lonely);
    await cluster.restart(lonely);
    const roleOfLonely = async () => (await cluster.status()).servers[lonely]?.role;
    await eventually('it looks for votes', async () => (await roleOfLonely()) === 'precandidate');
    await cluster.heal();
    await eventually('it follows', async () => (await roleOfLonely()) === 'follower');
  });

  it('refuses faults that make no sense', async () => {
    for (const durationMs of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(await codeOf(cluster.block(0, durationMs))).to.equal('BAD_FAULT');
    expect(await codeOf(cluster.partition([[7]]))).to.equal('BAD_FAULT');
    expect(await codeOf(cluster.setLink({ from: 0, to: 1, dropRate: 2 }))).to.equal('BAD_FAULT');
  });

  it('hands leadership over, and is content when the leader is to lead', async () => {
    const [leader, follower] = await leaderAndFollowers();
    await cluster.transferLeadership(leader);
    await cluster.transferLeadership(follower);
    expect(cluster.leader).to.equal(follower);
  });

  it('says so when nobody leads in time', async () => {
    const [leader, follower] = await leaderAndFollowers();
    await cluster.kill(leader);
    await cluster.kill(follower);
    expect(await codeOf(cluster.waitForLeader(1))).to.equal('TIMEOUT');
  });
});

describe('a cluster from start to close', () => {
  it('removes its temporary directory', async () => {
    const log = new LogRecorder();
    const cluster = await newCluster({ servers: 1 }, { log });
    await cluster.start();
    const path = String(log.find('cluster starts')[0]?.dataDir);
    await access(path);
    await cluster.close();
    expect(await codeOf(access(path))).to.equal('ENOENT');
  });

  it('holds its data directory until it is closed, and finds there what was written', async () => {
    const directory = await temporaryDirectory();
    const options = { servers: 1, memory: false, dataDir: directory.path };
    const first = await newCluster(options);
    const second = await newCluster(options);
    try {
      await first.start();
      const writer = await TextClient.connect(first.serverAddress(0).port);
      await writer.set('k', 'v');
      expect(await codeOf(second.start())).to.equal('DATA_DIRECTORY_REFUSED');
      await first.close();
      const third = await newCluster(options);
      await third.start();
      const reader = await TextClient.connect(third.serverAddress(0).port);
      expect(await reader.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
      reader.close();
      await third.close();
    } finally {
      await first.close();
      await directory.remove();
    }
  });

  it('does not start when a port is taken, and says which', async () => {
    const port = await freePorts();
    const holder = createServer().listen(port, '127.0.0.1');
    await once(holder, 'listening');
    const router = await newCluster({ routerPort: port });
    expect(String(await router.start().catch((error: unknown) => error))).to.include(
      `127.0.0.1:${port} (router)`,
    );
    const server = await newCluster({ port, servers: 1 });
    const error = await server.start().catch((reason: unknown) => reason);
    expect(String(error)).to.include(`127.0.0.1:${port} (clients of server 0): the port is in use`);
    holder.close();
  });

  it('is started once', async () => {
    const cluster = await newCluster({ servers: 1 });
    await cluster.start();
    expect(await codeOf(cluster.start())).to.equal('WRONG_STATE');
    await cluster.close();
    expect(await codeOf(cluster.start())).to.equal('WRONG_STATE');
  });

  it('may be closed while it starts, before that, and again', async () => {
    const unborn = await newCluster();
    await unborn.close();
    const cluster = await newCluster();
    const started = codeOf(cluster.start());
    await Promise.all([cluster.close(), cluster.close()]);
    expect(await started).to.equal('NOT_RUNNING');
    expect(await codeOf(cluster.waitForLeader(1))).to.equal('NOT_RUNNING');
    expect(await codeOf(cluster.kill(0))).to.equal('NOT_RUNNING');
  });

  it('starts no server again once it is closed, though that was asked for before', async () => {
    const cluster = await newCluster();
    await cluster.start();
    const events: string[] = [];
    cluster.listen(({ type }) => events.push(type));
    const ended = [cluster.kill(0), cluster.kill(1)];
    const restarted = codeOf(cluster.restart(0));
    const closed = cluster.close();
    expect(await restarted).to.equal('NOT_RUNNING');
    await Promise.all([...ended, closed]);
    expect(events).to.include('killed').and.not.include('restarted');
    expect(events).to.not.include('died');
  });

  it('is one of many in its process, which is warned of nothing', async () => {
    const listeners = process.listenerCount('exit');
    const clusters = await Promise.all(Array.from({ length: 3 }, () => newCluster({ servers: 1 })));
    await Promise.all(clusters.map((cluster) => cluster.start()));
    expect(process.listenerCount('exit') - listeners).to.be.at.most(1);
    await Promise.all(clusters.map((cluster) => cluster.close()));
    expect(process.listenerCount('exit')).to.equal(listeners);
  });

  it('takes no options that make no sense', () => {
    expect(() => new Cluster({ servers: 0 })).to.throw('servers: 0 is not a whole number from 1 to 9');
  });
});

describe('a cluster whose bundler has left the file behind that servers run', () => {
  it('says so in one line, and leaves nothing', async () => {
    const cluster = await newCluster({ servers: 1 }, { serverModule: '/nowhere/server.js' });
    const error = await cluster.start().catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'WRONG_STATE');
    expect(error)
      .to.have.property('message')
      .that.matches(/^\/nowhere\/server.js, which .*\(external\)$/);
  });
});
