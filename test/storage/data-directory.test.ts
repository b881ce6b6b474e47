import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ClassicLevel } from 'classic-level';
import { DataDirectory, DataDirectoryError, FORMAT_VERSION } from '../../src/storage/data-directory.js';
import { expectOneLine, rejection, useDirectory } from '../support/storage.js';

const HOLDER = fileURLToPath(new URL('./fixtures/directory-holder.js', import.meta.url));

describe('DataDirectory', () => {
  const parent = useDirectory();
  const path = () => join(parent(), 'data');

  /** Opens the directory, closes it, and tells the cluster's id. */
  async function openOnce(servers = 3): Promise<string> {
    const directory = await DataDirectory.open(path(), { servers });
    await directory.close();
    return directory.clusterId;
  }

  async function expectRefusal(reason: RegExp, servers = 3): Promise<void> {
    const error = await rejection(DataDirectory.open(path(), { servers }));
    expect(error).to.be.an.instanceOf(DataDirectoryError);
    expectOneLine(error, 'DATA_DIRECTORY_REFUSED', reason);
    expect(error).to.have.property('message').that.includes(`data directory ${path()}: `);
  }

  /** Replaces the cluster's description. */
  async function describeAs(text: string): Promise<void> {
    const level = new ClassicLevel(join(path(), 'cluster'));
    await level.put('description', text);
    await level.close();
  }

  it('is made when missing, together with the directories above it', async () => {
    const deep = join(path(), 'a', 'b');
    const directory = await DataDirectory.open(deep, { servers: 3 });
    expect(directory.path).to.equal(deep);
    expect(await readdir(deep)).to.have.members(['cluster', 'server-0', 'server-1', 'server-2']);
    await directory.close();
  });

  it('keeps the id of its cluster', async () => {
    const clusterId = await openOnce();
    expect(clusterId).to.match(/^[0-9a-f-]{36}$/);
    expect(await openOnce()).to.equal(clusterId);
  });

  it('gives each server a directory of its own, which is no foreign file', async () => {
    const directory = await DataDirectory.open(path(), { servers: 3 });
    expect(directory.serverDirectory(2)).to.equal(join(path(), 'server-2'));
    expect(await readdir(directory.serverDirectory(2))).to.deep.equal(['new']);
    await directory.close();
    await openOnce();
  });

  it('refuses a cluster of another size, and tells how to start', async () => {
    await openOnce(3);
    await expectRefusal(/was made for 3 servers: start with -n 3 or name another directory/, 5);
    await openOnce(3);
  });

  it('refuses another format', async () => {
    await openOnce();
    const formatVersion = FORMAT_VERSION + 1;
    await describeAs(JSON.stringify({ formatVersion, clusterId: 'x', servers: 3 }));
    await expectRefusal(
      new RegExp(`has format ${formatVersion}, this program reads format ${FORMAT_VERSION}`),
    );
  });

  for (const text of [
    '{}',
    'null',
    '{"formatVersion":"1","clusterId":"x","servers":3}',
    '{"formatVersion":',
    '',
  ]) {
    it(`refuses the damaged description ${JSON.stringify(text)}`, async () => {
      await openOnce();
      await describeAs(text);
      await expectRefusal(/its description is damaged: restore it from a backup/);
      await expectRefusal(/its description is damaged/);
    });
  }

  it('refuses a directory with foreign files, and leaves it as it was', async () => {
    await mkdir(path());
    await writeFile(join(path(), 'thesis.tex'), 'precious');
    await expectRefusal(/holds thesis\.tex, which is not of a cluster: name an empty directory/);
    expect(await readdir(path())).to.deep.equal(['thesis.tex']);
  });

  it('refuses a path that is not a directory', async () => {
    await writeFile(path(), 'a file');
    await expectRefusal(/cannot be used \(EEXIST\): name a directory/);
  });

  it('refuses a path behind a file', async () => {
    await writeFile(path(), 'a file');
    const error = await rejection(DataDirectory.open(join(path(), 'deeper'), { servers: 3 }));
    expect(error).to.be.an.instanceOf(DataDirectoryError);
    expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /cannot be used \(ENOTDIR\)/);
  });

  it('refuses a cluster whose LevelDB is damaged', async () => {
    await openOnce();
    await writeFile(join(path(), 'cluster', 'CURRENT'), 'garbage\n');
    await expectRefusal(/cannot be opened \(.+\)/);
  });

  it('is held by one at a time within a process', async () => {
    const directory = await DataDirectory.open(path(), { servers: 3 });
    await expectRefusal(/in use by another process: stop that one or name another directory/);
    await directory.close();
    await openOnce();
  });

  it('is refused while another process holds it, and free once that one was killed', async () => {
    const holder = await startHolder(path());
    try {
      await expectRefusal(/in use by another process/);
    } finally {
      await kill(holder);
    }
    await openOnce();
  });
});

async function startHolder(path: string): Promise<ChildProcess> {
  const holder = fork(HOLDER, [path]);
  const exit = once(holder, 'exit').then(() =>
    expect.fail('the other process ended before it held the directory'),
  );
  await Promise.race([once(holder, 'message'), exit]);
  exit.catch(() => undefined);
  return holder;
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
