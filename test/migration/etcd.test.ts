import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { EtcdCluster } from '../../src/cluster/etcd-cluster.js';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { EtcdKeys } from '../../src/etcd/etcd-keys.js';
import { GrpcTransport } from '../../src/etcd/node/grpc-transport.js';
import { EtcdFeed } from '../../src/migration/etcd-feed.js';
import { migrate } from '../../src/migration/migrate.js';
import { etcdOptions, openTarget } from '../../src/migration/open-ends.js';
import type { MigratedRecord } from '../../src/migration/record.js';
import type { KeyChange } from '../../src/state-machine/history.js';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { Program } from '../../tools/support/program.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { expectOneLine, rejection, useDirectory } from '../support/storage.js';
import {
  contentOf,
  contentOfBackup,
  contentOfEtcd,
  differenceOf,
  done,
  followEtcdUnderLoad,
  followUnderLoad,
  ListSource,
  Migration,
  makeBackup,
  PREFIX,
  roundTrip,
  sundryRecords,
  untilFollowing,
} from './moves.js';

const FEW = 500;
const silent = () => undefined;

/** Skipped without etcd. */
(HAS_ETCD ? describe : describe.skip)('A migration to and from etcd', () => {
  const parent = useDirectory();
  const at = (name: string) => join(parent(), name);
  let etcd: Etcd;

  beforeEach(async () => {
    etcd = await Etcd.start();
  });
  afterEach(() => etcd.stop());

  const access = () => ({ endpoints: [etcd.endpoint], prefix: PREFIX });

  async function put(records: readonly MigratedRecord[], identity?: string): Promise<readonly string[]> {
    const said: string[] = [];
    const target = openTarget({ type: 'etcd', access: access() });
    try {
      await migrate({
        target,
        openSource: async () => new ListSource(records, identity),
        onProgress: silent,
        say: (line) => said.push(line),
      });
    } finally {
      await target.close();
    }
    return said;
  }

  it('is equal there and back, killed in the middle both ways', async function () {
    this.timeout(240_000);
    const run = { etcd, directory: parent(), keys: 4_000, kills: { there: 2, back: 2 }, say: silent };
    expect(await roundTrip(run)).to.equal(undefined);
  });

  it('loses nothing that was acknowledged before the cut-over, when it follows a cluster under load', async function () {
    this.timeout(240_000);
    const run = { etcd, directory: parent(), keys: 1_000, loadMs: 2_000, kills: 1, say: silent };
    expect(await followUnderLoad(run)).to.equal(undefined);
  });

  it('loses nothing that was acknowledged before the cut-over, when it follows etcd under load', async function () {
    this.timeout(240_000);
    const run = { etcd, directory: parent(), keys: 1_000, loadMs: 2_000, kills: 1, say: silent };
    expect(await followEtcdUnderLoad(run)).to.equal(undefined);
  });

  it('follows and compares keys of any name, and of any length of value', async () => {
    const program = await Program.start({ servers: 1, storage: 'memory' });
    const redis = await RedisClient.connect(program.routerPort);
    const names = ['a b', 'HTTP/1.1', 'x\r\ny', '\u00ff\u0000', 'long'.repeat(100), 'word', '%41'];
    const write = async (value: string) => {
      for (const name of names)
        await redis.call('SET', name, value, ...(value === '' ? [] : ['PX', '3600000']));
    };
    try {
      await write('first');
      const from = `127.0.0.1:${program.routerPort}`;
      const migration = new Migration(['--from', from, '--to', etcd.endpoint, '--follow']);
      await untilFollowing(migration);
      await write('');
      await write('v'.repeat(100_000));
      migration.signal('SIGUSR2');
      const { code, out, err } = await migration.end();
      expect(code, err).to.equal(0);
      expect(out).to.match(/^migrate: 7 keys .*, all of them compared; writes have waited/);
      const found = await contentOfEtcd(etcd);
      expect([...found.keys()]).to.have.members(names);
      for (const { value, version } of found.values())
        expect([value.length, version]).to.deep.equal([100_000, 3]);
    } finally {
      redis.close();
      await program.kill();
    }
  });

  it('tells of a front end that was not named and goes on writing', async function () {
    this.timeout(240_000);
    const run = { etcd, directory: parent(), keys: 100, loadMs: 500, kills: 0, say: silent };
    expect(await followEtcdUnderLoad({ ...run, named: 1 })).to.match(/somebody has written after/);
  });

  it('is refused by a front end where a cluster is meant, and the other way around', async () => {
    await put(sundryRecords(3));
    const port = await freePorts();
    const frontEnd = new EtcdCluster({ servers: 1, port, routerPort: null }, access());
    await frontEnd.start();
    const cluster = await Program.start({ servers: 1, storage: 'memory' });
    try {
      const follow = ['--follow', '--cut-over'];
      const one = ['--from', `127.0.0.1:${port}`, '--to', etcd.endpoint, '--etcd-prefix', 'other/'];
      expect((await new Migration([...one, ...follow]).end()).err).to.match(
        /runs on etcd: follow that, by --from/,
      );
      const named = ['--front-ends', `127.0.0.1:${cluster.routerPort}`];
      const two = ['--from', etcd.endpoint, '--to', at('data'), ...named];
      expect((await new Migration([...two, ...follow]).end()).err).to.match(/does not run on etcd/);
    } finally {
      await frontEnd.close();
      await cluster.kill();
    }
  });

  it('follows etcd to a backup once its front ends are stopped, where none is named', async () => {
    const records = sundryRecords(FEW);
    await put(records);
    const migration = new Migration([
      '--from',
      etcd.endpoint,
      '--to',
      `backup:${at('a.backup')}`,
      '--follow',
    ]);
    await untilFollowing(migration);
    expect(migration.err).to.include('stop all front ends, then cut over by Enter');
    migration.signal('SIGUSR2');
    const { code, out, err } = await migration.end();
    expect(code, err).to.equal(0);
    expect(out).to.match(/^migrate: 500 keys from etcd .*, all of them compared/);
    expect(
      differenceOf(await contentOf(new ListSource(records)), await contentOfBackup(at('a.backup'))),
    ).to.equal(undefined);
    expect(await readdir(parent())).to.deep.equal(['a.backup']);
  });

  it('copies all keys again where etcd has compacted what has changed since', async () => {
    await put(sundryRecords(FEW));
    const args = ['--from', etcd.endpoint, '--to', `backup:${at('a.backup')}`, '--follow'];
    const killed = new Migration(args);
    await untilFollowing(killed);
    killed.signal('SIGKILL');
    await killed.end();
    const { store } = etcdOptions(access());
    await etcd.ask('/v3/kv/put', { key: Buffer.from('other').toString('base64') });
    const { revision } = await store.facts();
    store.close();
    await etcd.ask('/v3/kv/compaction', { revision: `${revision}`, physical: true });
    const migration = new Migration(args);
    await untilFollowing(migration);
    expect(migration.err).to.match(/etcd keeps its revision \d+ no more/);
    migration.signal('SIGUSR2');
    expect((await migration.end()).code).to.equal(0);
    expect((await contentOfBackup(at('a.backup'))).size).to.equal(FEW);
  });

  it('waits for changes that the watch of etcd tells late', async () => {
    await put([]);
    const transport = new GrpcTransport(access());
    const { watch } = GrpcTransport.prototype;
    let letGo = () => {};
    const late = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    transport.watch = (start) => {
      const real = watch.call(transport, start);
      const [close, askProgress] = [() => real.close(), () => real.askProgress()];
      async function* answers() {
        await late;
        yield* real;
      }
      return { [Symbol.asyncIterator]: answers, close, askProgress };
    };
    const keys = new EtcdKeys(transport, PREFIX);
    const told: string[] = [];
    const take = (changes: readonly KeyChange[]) => told.push(...changes.map(({ key }) => key));
    const environment = NODE_ENVIRONMENT;
    const feed = new EtcdFeed({ transport, prefix: PREFIX, environment, after: 1n, take });
    const running = feed.run();
    try {
      const stored = { ordinal: 0, version: 1, deadlineMs: 0, value: 'v' };
      await keys.write(new Map(), [{ key: 'k', stored }], 5_000);
      const reached = feed.reach().then(() => told.slice());
      await keys.write(new Map(), [{ key: 'later', stored }], 5_000);
      letGo();
      expect(await reached).to.include('k');
    } finally {
      feed.close();
      await running;
      transport.close();
    }
  });

  it('leaves out what is past its deadline, and keeps versions for clients', async () => {
    const nowMs = Date.now();
    const record = { value: 'v', version: 41, revision: 1 };
    await put([
      { ...record, key: 'lives', deadlineMs: nowMs + 500_000 },
      { ...record, key: 'over', deadlineMs: nowMs - 1 },
      { ...record, key: 'stays', deadlineMs: 0 },
    ]);
    const port = await freePorts();
    const cluster = new EtcdCluster({ servers: 1, port, routerPort: null }, access());
    await cluster.start();
    const client = await TextClient.connect(port);
    try {
      expect(await client.getm('over')).to.deep.include({ type: 'ERR_NOT_FOUND' });
      const lives = await client.getm('lives');
      expect(lives).to.deep.include({ version: 41 });
      expect(lives).to.have.property('exptimeS').that.is.within(400, 500);
      expect(await client.set('stays', 'w')).to.deep.include({ version: 42 });
    } finally {
      client.close();
      await cluster.close();
    }
  });

  it('is refused where keys are, where another one goes on, and for a value that etcd does not take', async () => {
    const records = sundryRecords(FEW);
    await put(records);
    expectOneLine(
      await rejection(put(records, 'another')),
      'MIGRATION_REFUSED',
      /another migration was begun there/,
    );
    await etcd.ask('/v3/kv/deleterange', { key: Buffer.from(`${PREFIX}migration`).toString('base64') });
    expectOneLine(await rejection(put(records)), 'MIGRATION_REFUSED', /there are 500 keys with that prefix/);
    await emptyPrefix();
    const large = { key: 'k', value: 'v'.repeat(2 ** 20 + 1), version: 1, deadlineMs: 0, revision: 1 };
    expectOneLine(await rejection(put([large])), 'MIGRATION_REFUSED', /a key has 1048577 bytes/);
  });

  it('takes the largest values, and pages that are too long for one answer', async () => {
    const records = Array.from({ length: 6 }, (_, i) => ({
      key: `k${i}`.padEnd(250, 'x'),
      value: `${i}`.repeat(2 ** 20),
      version: 1,
      deadlineMs: 0,
      revision: 1,
    }));
    await put(records);
    await done(['--from', etcd.endpoint, '--to', `backup:${at('a.backup')}`]);
    const expected = new Map(records.map(({ key, value }) => [key, `1 0 ${value}`]));
    expect(differenceOf(expected, await contentOfBackup(at('a.backup')))).to.equal(undefined);
  });

  it('goes on when etcd was away for a while', async () => {
    const records = sundryRecords(3_000);
    const moving = put(records);
    await etcd.kill();
    await etcd.run();
    await moving;
    await done(['--from', etcd.endpoint, '--to', `backup:${at('a.backup')}`]);
    await makeBackup(at('b.backup'), records);
    expect(
      differenceOf(await contentOfBackup(at('b.backup')), await contentOfBackup(at('a.backup'))),
    ).to.equal(undefined);
  });

  it('begins anew where etcd has compacted what it was copying', async () => {
    await put(sundryRecords(FEW));
    const migration = new Migration(['--from', etcd.endpoint, '--to', at('data')]);
    await migration.end();
    const { store } = etcdOptions(access());
    const { clusterId, revision } = await store.facts();
    store.close();
    await etcd.ask('/v3/kv/compaction', { revision: `${revision}`, physical: true });
    const old = `etcd ${clusterId} ${JSON.stringify(PREFIX)} 2`;
    const target = openTarget({ type: 'backup', path: at('c.backup') });
    await target.find();
    await target.begin(new ListSource([], old), { records: 0, lastKey: undefined });
    await target.close();
    const { code, err } = await new Migration([
      '--from',
      etcd.endpoint,
      '--to',
      `backup:${at('c.backup')}`,
    ]).end();
    expect(err.trim()).to.equal(
      'threadraft: etcd keeps its revision 2 no more, as of which keys were copied: begin anew',
    );
    expect(code).to.equal(0);
    expect((await contentOfBackup(at('c.backup'))).size).to.equal(FEW);
  });

  async function emptyPrefix(): Promise<void> {
    const key = Buffer.from(PREFIX).toString('base64');
    const range_end = Buffer.from('threadraft0').toString('base64');
    await etcd.ask('/v3/kv/deleterange', { key, range_end });
  }
});
