/** The package as npm would publish it, in a folder of its own: its examples run there as their READMEs say. */

import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { temporaryDirectory } from '../support/cluster.js';

const run = promisify(execFile);

/** What each example ends in. */
const ENDS: Readonly<Record<string, string>> = {
  'web-app': 'after a kill of the leader: 21 visits\n',
  lock: 'the late write is refused\nthe report is from the second holder\n',
  cron: 'another process has taken over\n',
  'live-view': 'at first: price/apple,3 price/pear,4\nthen: price/apple,5\n',
  'redis-clients': 'hello 42\n',
};

describe('the package, packed and installed', () => {
  let folder: { readonly path: string; readonly remove: () => Promise<void> };

  before(async () => {
    folder = await temporaryDirectory();
    const { path } = folder;
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', path]);
    const [tarball = ''] = (await readdir(path)).filter((name) => name.endsWith('.tgz'));
    const installed = join(path, 'node_modules', 'threadraft');
    await mkdir(installed, { recursive: true });
    await run('tar', ['-xzf', join(path, tarball), '--strip-components=1', '-C', installed]);
    // What npm would fetch is here already.
    for (const name of await readdir('node_modules'))
      if (!name.startsWith('.'))
        await symlink(resolve('node_modules', name), join(path, 'node_modules', name));
    await cp('examples', join(path, 'examples'), { recursive: true });
  });
  after(() => folder.remove());

  for (const [example, end] of Object.entries(ENDS)) {
    it(`runs the example ${example}`, async () => {
      const { stdout, stderr } = await run(process.execPath, ['main.mjs'], {
        cwd: join(folder.path, 'examples', example),
      });
      expect(stdout).to.equal(end);
      expect(stderr).to.equal('');
    });
  }

  it('runs the example failover-test', async () => {
    const mocha = resolve('node_modules/mocha/bin/mocha.js');
    const { stdout } = await run(
      process.execPath,
      [mocha, '--no-config', '--timeout', '60000', 'failover.test.mjs'],
      {
        cwd: join(folder.path, 'examples', 'failover-test'),
      },
    );
    expect(stdout).to.contain('1 passing');
  });

  it('can be required by CommonJS where Node allows that, and the client needs no package', async () => {
    const script = `
      const { KvClient } = require('threadraft/client');
      const loaded = process.report ? Object.keys(require.cache) : [];
      new KvClient({ servers: ['127.0.0.1:1'] }).close().then(() => console.log('closed', loaded.length));
    `;
    const { stdout } = await run(process.execPath, ['-e', script], { cwd: folder.path });
    expect(stdout).to.contain('closed');
  });

  it('has no example without a README and a run here', async () => {
    const entries = await readdir('examples', { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(folders.sort()).to.deep.equal([...Object.keys(ENDS), 'failover-test'].sort());
    for (const name of folders) expect(await readdir(join('examples', name))).to.include('README.md');
  });
});
