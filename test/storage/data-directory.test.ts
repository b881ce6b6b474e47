import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative as nameRelative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { DataDirectoryError } from '../../src/storage/data-directory-error.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { FORMAT_VERSION } from '../../src/storage/manifest.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { expectOneLine, rejection, useDirectory } from '../support/storage.js';

const HOLDER = fileURLToPath(new URL('./fixtures/directory-holder.js', import.meta.url));

const WORLD = { files: NODE_FILES, environment: NODE_ENVIRONMENT };

describe('DataDirectory', () => {
  const parent = useDirectory();
  const path = () => join(parent(), 'data');

  /** Opens the directory, closes it, and tells the cluster's id. */
  async function openOnce(servers = 3): Promise<string> {
    const directory = await DataDirectory.open(path(), { ...WORLD, servers });
    await directory.close();
    return directory.clusterId;
  }

  async function expectRefusal(reason: RegExp, servers = 3): Promise<void> {
    const error = await rejection(DataDirectory.open(path(), { ...WORLD, servers }));
    expect(error).to.be.an.instanceOf(DataDirectoryError);
    expectOneLine(error, 'DATA_DIRECTORY_REFUSED', reason);
    expect(error).to.have.property('message').that.includes(`data directory ${path()}: `);
  }

  it('is made when missing, together with the directories above it', async () => {
    const deep = join(path(), 'a', 'b');
    const directory = await DataDirectory.open(deep, { ...WORLD, servers: 3 });
    expect(directory.path).to.equal(deep);
    expect(await readdir(deep)).to.have.members(['lock', 'manifest', 'server-0', 'server-1', 'server-2']);
    await directory.close();
  });

  it('is made when it is named by a relative path', async () => {
    const relative = `./${nameRelative(process.cwd(), join(path(), 'a', 'b'))}`;
    const directory = await DataDirectory.open(relative, { ...WORLD, servers: 3 });
    await directory.close();
    expect(await readdir(join(path(), 'a', 'b'))).to.include('manifest');
  });

  it('keeps the id of its cluster', async () => {
    const clusterId = await openOnce();
    expect(clusterId).to.match(/^[0-9a-f]{32}$/);
    expect(await openOnce()).to.equal(clusterId);
  });

  it('gives each server a directory of its own, which is no foreign file', async () => {
    const directory = await DataDirectory.open(path(), { ...WORLD, servers: 3 });
    expect(directory.serverDirectory(2)).to.equal(join(path(), 'server-2'));
    expect(await readdir(directory.serverDirectory(2))).to.deep.equal(['manifest']);
    await directory.close();
    await openOnce();
  });

  it('refuses a cluster of another size, and tells how to start', async () => {
    await openOnce(3);
    await expectRefusal(
      /is of a cluster of 3 servers: start without -n, and change their number with "threadraft members"/,
      5,
    );
    await openOnce(3);
  });

  it('refuses another format, and says how its data gets into this one', async () => {
    await openOnce();
    const json = '{}';
    const checksum = crc32(`${FORMAT_VERSION + 1}\n${json}`)
      .toString(16)
      .padStart(8, '0');
    await writeFile(join(path(), 'manifest'), `threadraft ${FORMAT_VERSION + 1} ${checksum}\n${json}`);
    await expectRefusal(
      /has format 5, and this version of threadraft reads formats 3 to 4: start it with the version/,
    );
  });

  it('refuses format 2, which had LevelDB for a manifest, and leaves it as it was', async () => {
    await mkdir(join(path(), 'cluster'), { recursive: true });
    await mkdir(join(path(), 'server-0'));
    await expectRefusal(
      /has format 2, .*run "threadraft backup" with that version, and "threadraft restore"/,
    );
    expect(await readdir(path())).to.deep.equal(['cluster', 'server-0']);
  });

  it('refuses a manifest of which a byte has changed', async () => {
    await openOnce();
    const whole = await readFile(join(path(), 'manifest'));
    for (let at = 0; at < whole.byteLength; at += 1) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
      await writeFile(join(path(), 'manifest'), damaged);
      await expectRefusal(
        /manifest is damaged: .*bring back a copy of it, or restore a backup to a new directory with "threadraft restore"/,
      );
    }
  });

  it('is not taken for a new one when its manifest is lost and a server has used it', async () => {
    const directory = await DataDirectory.open(path(), { ...WORLD, servers: 3 });
    const owner = { clusterId: directory.clusterId, serverId: 1 };
    const storage = await DiskStorage.open({
      files: NODE_FILES,
      directory: directory.serverDirectory(1),
      owner,
      fsync: false,
    });
    await storage.close();
    await directory.close();
    await rm(join(path(), 'manifest'));
    await expectRefusal(/has lost its manifest: bring it back, or restore a backup to a new directory/);
    await rm(join(path(), 'server-1', 'manifest'));
    await expectRefusal(/has lost its manifest/);
  });

  it('refuses a directory with foreign files, and leaves it as it was', async () => {
    await mkdir(path());
    await writeFile(join(path(), 'thesis.tex'), 'precious');
    await expectRefusal(/holds thesis\.tex, which is not of a cluster: name an empty directory/);
    expect(await readdir(path())).to.deep.equal(['thesis.tex']);
  });

  it('refuses a path that is not a directory', async () => {
    await writeFile(path(), 'a file');
    await expectRefusal(
      /cannot be used \(EEXIST\): a file is where a directory belongs.*, or name another directory/,
    );
  });

  it('refuses a path below a file', async () => {
    await writeFile(path(), 'a file');
    const error = await rejection(DataDirectory.open(join(path(), 'deeper'), { ...WORLD, servers: 3 }));
    expect(error).to.be.an.instanceOf(DataDirectoryError);
    expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /cannot be used \(ENOTDIR\)/);
  });

  it('is held by one at a time within a process', async () => {
    const directory = await DataDirectory.open(path(), { ...WORLD, servers: 3 });
    await expectRefusal(/in use by another process: stop that one or name another directory/);
    await directory.close();
    await openOnce();
  });

  it('is refused while another process holds it, be that stopped, and free once that one was killed', async () => {
    const holder = await startHolder(path());
    try {
      await expectRefusal(/in use by another process/);
      holder.kill('SIGSTOP');
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
