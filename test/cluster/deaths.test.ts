import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Cluster } from '../../src/cluster/cluster.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, everyServerUp, temporaryDirectory, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import {
  CRASH,
  DIES_BEFORE_IT_IS_UP,
  FIRST_LIFE,
  LATER_LIFE,
  STOP_UNASKED,
} from '../support/fixtures/fake-server.js';
import {
  codeOf,
  FAKE_SERVER,
  LogRecorder,
  newCluster,
  SERVER_WITH_BAD_DISK,
} from '../support/new-cluster.js';

describe('servers that are killed and restarted many times', () => {
  let cluster: Cluster;

  before(async () => {
    // Its threads have all ports that a server has, and start fast.
    cluster = await newCluster({}, { serverModule: FAKE_SERVER });
    await cluster.start();
    await everyServerUp(cluster);
  });
  after(() => cluster.close());

  /** What keeps the main thread's event loop busy, and how much of each. */
  function resources(): string {
    return process
      .getActiveResourcesInfo()
      .filter((name) => name !== 'Timeout' && name !== 'Immediate')
      .sort()
      .join();
  }

  async function killAndRestart(id: number): Promise<void> {
    await cluster.kill(id);
    await cluster.restart(id);
    await everyServerUp(cluster);
  }

  it('leave no port, thread or socket behind', async () => {
    // What is made once, such as idle threads of the pool, is there after a round.
    for (const id of [0, 1, 2]) await killAndRestart(id);
    const before = resources();
    expect(before).to.contain('MessagePort');
    for (let round = 0; round < 12; round += 1) await killAndRestart(round % 3);
    await eventually(`as before: ${before}`, () => resources() === before);
  });

  it('leave no port behind when their task ends, whose thread waits for the next one', async () => {
    const before = resources();
    for (const id of [0, 1, 2]) {
      await cluster.block(id, STOP_UNASKED).catch(() => {});
      await everyServerUp(cluster);
    }
    await eventually(`as before: ${before}`, () => resources() === before);
  });
});

describe('a server that ends by itself', () => {
  let cluster: Cluster;
  let log: LogRecorder;

  beforeEach(async () => {
    log = new LogRecorder();
    cluster = await newCluster({}, { log, serverModule: FAKE_SERVER });
    await cluster.start();
    await everyServerUp(cluster);
  });
  afterEach(() => cluster.close());

  async function stateOf(id: number): Promise<string | undefined> {
    return (await cluster.status()).servers[id]?.state;
  }

  /** Makes a server end, which may be before it answers. */
  async function end(id: number, how: number): Promise<void> {
    await cluster.block(id, how).catch(() => {});
  }

  it('is restarted when it crashed, and the log says why and when', async () => {
    await end(1, CRASH);
    await eventually('it is up again', () => log.find('server is up', 1).length === 2);
    const [death] = log.find('server died; it will be restarted', 1);
    expect(death).to.deep.include({ level: 50, server: 1, pauseMs: 100 });
    expect(death?.err).to.deep.include({ message: 'crashed' });
    expect(await stateOf(1)).to.equal('running');
  });

  it('is told at its restart that others may hold a lease from it, which at the first start they cannot', async () => {
    await cluster.kill(1);
    await cluster.restart(1);
    await end(1, CRASH);
    await eventually('it is up again', () => log.find('server is up', 1).length === 3);
    const told = log.find('server is up', 1).map((line) => line.lastIndex);
    expect(told).to.deep.equal([FIRST_LIFE, LATER_LIFE, LATER_LIFE]);
  });

  it('is restarted after a longer pause each time', async () => {
    for (let deaths = 1; deaths <= 3; deaths += 1) {
      await end(1, CRASH);
      await eventually('it is up again', () => log.find('server is up', 1).length === deaths + 1);
    }
    const pausesMs = log.find('server died; it will be restarted', 1).map((line) => line.pauseMs);
    expect(pausesMs).to.deep.equal([100, 200, 400]);
  });

  it('is restarted when it stopped without being asked to', async () => {
    await end(2, STOP_UNASKED);
    await eventually('it is up again', () => log.find('server is up', 2).length === 2);
  });

  it('stays down when it is killed while it waits to be restarted', async () => {
    await end(1, CRASH);
    await eventually('it waits', () => log.find('server died; it will be restarted', 1).length === 1);
    await cluster.kill(1);
    expect(await codeOf(cluster.kill(1)), 'it is down').to.equal('WRONG_STATE');
    await cluster.restart(1);
    expect(log.find('server is restarted', 1)).to.have.lengthOf(1);
  });

  it('has the others told when it is killed, and need not be noticed by them', async () => {
    await cluster.kill(0);
    expect(await cluster.waitForLeader(WAIT_TIMEOUT_MS), 'the one that takes over when told').to.equal(1);
  });

  it('leads no more', async () => {
    expect(cluster.leader).to.equal(0);
    await end(0, CRASH);
    await eventually('nobody leads', () => cluster.leader === undefined);
    expect(await codeOf(cluster.transferLeadership(1))).to.equal('WRONG_STATE');
    expect(await cluster.waitForLeader(WAIT_TIMEOUT_MS)).to.equal(0);
  });

  it('ends the start of the cluster when it was never up', async () => {
    const doomed = await newCluster(
      { electionTimeoutMs: DIES_BEFORE_IT_IS_UP },
      { serverModule: FAKE_SERVER },
    );
    const error = await doomed.start().catch((reason: unknown) => reason);
    expect(String(error)).to.match(/^ServerStartError: server \d did not start: /);
    expect(await codeOf(doomed.status())).to.equal('NOT_RUNNING');
  });

  it('tells why it does not hand over leadership', async () => {
    const error = await cluster.transferLeadership(2).catch((reason: unknown) => reason);
    expect(String(error)).to.equal('WrongStateError: server 0 does not hand over: server 2 is not wanted');
  });
});

describe('a server whose disk fails', () => {
  /** Names the directory of the files that say how disks fail. */
  const FAULTS_VARIABLE = 'CHAOS_DISK_FAULTS';
  const MESSAGE = 'server cannot run; it stays down until it is restarted';
  let directory: { path: string; remove: () => Promise<void> };
  let cluster: Cluster;
  let log: LogRecorder;
  let client: TextClient;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    process.env[FAULTS_VARIABLE] = directory.path;
    log = new LogRecorder();
    cluster = await newCluster(
      { memory: false, dataDir: join(directory.path, 'data') },
      { log, serverModule: SERVER_WITH_BAD_DISK },
    );
    await cluster.start();
    await everyServerUp(cluster);
    client = await TextClient.connect(cluster.routerAddress?.port ?? 0);
  });
  afterEach(async () => {
    client.close();
    await cluster.close();
    delete process.env[FAULTS_VARIABLE];
    await directory.remove();
  });

  it('stays down, be it restarted meanwhile, until its disk is well and it is restarted by hand', async () => {
    const id = ((await cluster.waitForLeader(WAIT_TIMEOUT_MS)) + 1) % 3;
    const fault = join(directory.path, `server-${id}`);
    await writeFile(fault, 'fail');
    expect(await client.set('k', 'v')).to.have.property('type', 'OK');
    await eventually('it is down', () => log.find(MESSAGE, id).length === 1);
    const [failure] = log.find(MESSAGE, id);
    expect(failure?.err).to.have.property('code', 'DISK_WRITE_FAILED');
    expect(failure?.err?.message).to.match(/server-\d cannot be written \(EIO: .*\): check the disk/);
    expect((await cluster.status()).servers[id]?.state).to.equal('stopped');
    expect(await codeOf(cluster.kill(id))).to.equal('WRONG_STATE');
    await cluster.restart(id).catch(() => undefined);
    await eventually('it is down again', () => log.find(MESSAGE, id).length === 2);
    await rm(fault);
    await cluster.restart(id);
    expect((await cluster.status()).servers[id]?.state).to.equal('running');
    expect(await client.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
  });
});
