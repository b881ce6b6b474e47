/** The package as npm would publish it, in a folder of its own: its examples run there as their READMEs say. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type PackedPackage, packedPackage, run, runMocha } from './packed-package.js';

/** What each example ends in. */
const ENDS: Readonly<Record<string, string>> = {
  'web-app': 'after a kill of the leader: 21 visits\n',
  lock: 'the late write is refused\nthe report is from the second holder\n',
  cron: 'another process has taken over\n',
  'live-view': 'at first: price/apple,3 price/pear,4\nthen: price/apple,5\n',
  'redis-clients': 'hello 42\n',
  'session-store': 'visit 1, visit 2, visit 3\n',
  'rate-limiter': '200 200 200 429\n',
};

describe('the package, packed and installed', () => {
  let folder: PackedPackage;

  before(async () => {
    folder = await packedPackage();
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
    const told = await runMocha('failover.test.mjs', join(folder.path, 'examples', 'failover-test'));
    expect(told).to.contain('1 passing');
  });

  it('passes the test suite of Keyv as its store', async () => {
    expect(await runMocha('keyv.test.mjs', join(folder.path, 'fixtures'))).to.match(/\d+ passing/);
  });

  it('does what unstorage expects of a driver', async () => {
    expect(await runMocha('unstorage.test.mjs', join(folder.path, 'fixtures'))).to.match(/\d+ passing/);
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
