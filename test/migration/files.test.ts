import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Source, Target } from '../../src/migration/ends.js';
import { FileTarget } from '../../src/migration/file-target.js';
import { migrate } from '../../src/migration/migrate.js';
import type { MigratedRecord } from '../../src/migration/record.js';
import { RECORDS_PER_MARK } from '../../src/migration-limits.js';
import { Program } from '../../tools/support/program.js';
import { TextClient } from '../../tools/support/text-client.js';
import { expectOneLine, rejection, useDirectory } from '../support/storage.js';
import {
  contentOf,
  contentOfBackup,
  contentOfDirectory,
  differenceOf,
  done,
  ListSource,
  Migration,
  makeBackup,
  sundryRecords,
  WORLD,
} from './moves.js';

const FEW = 500;

describe('A migration between files', () => {
  const parent = useDirectory();
  const at = (name: string) => join(parent(), name);
  const backupTo = (name: string) => new FileTarget({ type: 'backup', path: at(name) }, WORLD);

  async function move(target: Target, source: Source): Promise<readonly string[]> {
    const said: string[] = [];
    try {
      await migrate({
        target,
        openSource: async () => source,
        onProgress: () => undefined,
        say: (line) => said.push(line),
      });
    } finally {
      await target.close();
    }
    return said;
  }

  it('copies keys, values, versions and deadlines, and leaves nothing beside them', async () => {
    const records = sundryRecords(FEW);
    await makeBackup(at('a.backup'), records);
    await done(['--from', at('a.backup'), '--to', at('data'), '-n', '3']);
    await done(['--from', at('data'), '--to', `backup:${at('b.backup')}`]);
    const expected = await contentOf(new ListSource(records));
    expect(differenceOf(expected, await contentOfDirectory(at('data')))).to.equal(undefined);
    expect(differenceOf(expected, await contentOfBackup(at('b.backup')))).to.equal(undefined);
    expect(await readdir(parent())).to.have.members(['a.backup', 'b.backup', 'data']);
  });

  it('makes a directory for each server where several are named', async () => {
    const records = sundryRecords(FEW);
    await makeBackup(at('a.backup'), records);
    const paths = ['d0', 'd1', 'd2'].map(at);
    await done(['--from', at('a.backup'), ...paths.flatMap((path) => ['--to', path])]);
    const expected = await contentOf(new ListSource(records));
    expect(differenceOf(expected, await contentOfDirectory(...paths))).to.equal(undefined);
  });

  it('goes on after what was marked, and only for the same source', async () => {
    const records = sundryRecords(2 * RECORDS_PER_MARK + FEW);
    const source = new ListSource(records);
    const broken = new BreakingSource(records, RECORDS_PER_MARK + 1_000);
    expect(await rejection(move(backupTo('a.backup'), broken))).to.equal(BROKEN);
    const error = await rejection(move(backupTo('a.backup'), new ListSource(records, 'another list')));
    expectOneLine(error, 'MIGRATION_REFUSED', /another migration was begun there, of a list/);
    const said = await move(backupTo('a.backup'), source);
    expect(said).to.deep.equal([`goes on after ${RECORDS_PER_MARK} keys`]);
    expect(differenceOf(await contentOf(source), await contentOfBackup(at('a.backup')))).to.equal(undefined);
  });

  it('finds what differs, and gives it no name', async () => {
    const source = new ListSource(sundryRecords(FEW));
    const target = backupTo('a.backup');
    const write = target.write.bind(target);
    target.write = (records) =>
      write(records.map((record) => (record.key === 'key:7' ? { ...record, value: 'another' } : record)));
    expectOneLine(await rejection(move(target, source)), 'MIGRATION_REFUSED', /differ from the source's/);
    expect(await readdir(parent())).to.deep.equal(['a.backup.migration']);
  });

  it('refuses what it cannot read, and what is in use, in one line each', async () => {
    await makeBackup(at('a.backup'), sundryRecords(FEW));
    const damaged = await readFile(at('a.backup'));
    const newer = Buffer.from(damaged);
    damaged.writeUInt8(damaged.readUInt8(3_000) ^ 1, 3_000);
    newer.writeUInt8(99, 8);
    await writeFile(at('damaged'), damaged);
    await writeFile(at('newer'), newer);
    await mkdir(at('full'));
    await writeFile(at('full/something'), '');
    const cases: [string[], RegExp][] = [
      [['--from', at('damaged'), '--to', at('x')], /its checksum is wrong/],
      [['--from', at('newer'), '--to', at('x')], /its format is 99, and this program reads formats up to/],
      [['--from', at('none'), '--to', at('x')], /ENOENT|holds no cluster/],
      [['--from', at('a.backup'), '--to', at('full')], /is not empty: name a new directory/],
      [['--from', at('a.backup'), '--to', `backup:${at('newer')}`], /is there already: name a new file/],
      [['--from', '127.0.0.1:1', '--to', at('x')], /--from: a running cluster is copied with --follow/],
      [['--from', at('a.backup'), '--to', '127.0.0.1:1'], /--to: a running cluster takes no copy/],
      [['--from', at('a.backup'), '--to', 'etcd'], /--etcd-endpoints: is needed with --to etcd/],
      [['--from', 'http://a:1', '--to', 'http://a:1'], /use etcdctl make-mirror/],
      [['--from', at('a.backup')], /--to: is needed/],
      [['--from', 'http://a:1', '--to', at('x'), '--follow', '--cut-over'], /--cut-over: needs --front-ends/],
      [
        ['--from', 'http://a:1', '--to', at('x'), '--front-ends', 'a:1'],
        /--front-ends: are those on the etcd/,
      ],
      [['--from', 'http://a:1', '--to', at('x'), '--follow', '--front-ends', 'a'], /"a" is no host:port/],
      [['--from', at('a.backup'), '--to', at('x'), '--follow'], /--follow: is for --from host:port/],
      [
        ['--from', '127.0.0.1:1', '--to', at('x'), '--follow'],
        /--follow: goes from a running cluster to etcd/,
      ],
    ];
    for (const [args, expected] of cases) {
      const { code, err } = await new Migration(args).end();
      expect(code, args.join(' ')).to.be.oneOf([1, 2]);
      expect(err.trim()).to.match(expected).and.not.include('\n');
    }
    expect(await readdir(parent())).to.have.members(['a.backup', 'damaged', 'newer', 'full']);
  });

  it('reads a directory that nobody runs on, its log too, as an elected leader would', async () => {
    const program = await Program.start({ servers: 3, storage: { dataDir: at('data') } });
    const client = await TextClient.connect(program.routerPort);
    await client.set('k', '1');
    await client.set('k', '2');
    await client.set('gone', '1');
    await client.delete('gone');
    const { code, err } = await new Migration(['--from', at('data'), '--to', at('x')]).end();
    expect(code).to.equal(1);
    expect(err).to.match(/in use by another process/);
    client.close();
    await program.stop();
    const content = await contentOfDirectory(at('data'));
    expect([...content]).to.deep.equal([['k', '2 0 2']]);
  });

  it('wants the disks of most servers', async () => {
    await makeBackup(at('a.backup'), sundryRecords(3));
    const paths = ['d0', 'd1', 'd2'].map(at);
    await done(['--from', at('a.backup'), ...paths.flatMap((path) => ['--to', path])]);
    for (const path of ['d1', 'd2']) await rename(at(path), at(`${path}.away`));
    const { code, err } = await new Migration(['--from', at('d0'), '--to', at('x')]).end();
    expect(code).to.equal(1);
    expect(err.trim())
      .to.match(/data directory .*d0/)
      .and.not.include('\n');
  });
});

const BROKEN = new Error('the source breaks off');

/** Breaks off after so many records. */
class BreakingSource extends ListSource {
  readonly #after: number;

  constructor(records: readonly MigratedRecord[], after: number) {
    super(records);
    this.#after = after;
  }

  override async *read(position: { records: number }): AsyncGenerator<readonly MigratedRecord[]> {
    let count = position.records;
    for await (const batch of super.read(position)) {
      count += batch.length;
      if (count > this.#after) throw BROKEN;
      yield batch;
    }
  }
}
