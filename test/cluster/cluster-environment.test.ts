import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { serverModuleIn } from '../../src/cluster/cluster-environment.js';

describe('the module of a server', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'threadraft-module-'));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function modified(name: string, seconds: number): Promise<void> {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '');
    await utimes(path, seconds, seconds);
  }

  it('is one file in the package, where nothing tells when it was built', async () => {
    await modified('bundle/server.js', 1);
    expect(serverModuleIn(directory)).to.equal(join(directory, 'bundle/server.js'));
  });

  it('is one file if that was made after what is built', async () => {
    await modified('.tsbuildinfo', 1);
    await modified('bundle/server.js', 2);
    expect(serverModuleIn(directory)).to.equal(join(directory, 'bundle/server.js'));
  });

  it('is that of many files if the one is of an earlier build', async () => {
    await modified('bundle/server.js', 1);
    await modified('.tsbuildinfo', 2);
    expect(serverModuleIn(directory)).to.equal(join(directory, 'workers/server.js'));
  });

  it('is that of many files if the one was not made', async () => {
    await modified('.tsbuildinfo', 1);
    expect(serverModuleIn(directory)).to.equal(join(directory, 'workers/server.js'));
  });
});
