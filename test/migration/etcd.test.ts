import { join } from 'node:path';
import { expect } from 'chai';
import { EtcdCluster } from '../../src/cluster/etcd-cluster.js';
import { migrate } from '../../src/migration/migrate.js';
import { etcdOptions, openTarget } from '../../src/migration/open-ends.js';
import type { MigratedRecord } from '../../src/migration/record.js';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { TextClient } from '../../tools/support/text-client.js';
import { expectOneLine, rejection, useDirectory } from '../support/storage.js';
import {
  contentOfBackup,
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
