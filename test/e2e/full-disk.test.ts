/** A file system without room under all servers: a small one of its own, which only root can mount. */

import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { http } from '../../tools/support/http.js';
import { Program } from '../../tools/support/program.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, temporaryDirectory } from '../support/cluster.js';

const run = promisify(execFile);
const VALUE = 'x'.repeat(50_000);

describe('a full disk under all servers', function () {
  this.timeout(120_000);
  let directory: { path: string; remove: () => Promise<void> };

  before(async function () {
    directory = await temporaryDirectory();
    const isMounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', directory.path]).then(
      () => true,
      () => false,
    );
    if (isMounted) return;
    await directory.remove();
    process.stderr.write('no file system can be mounted: none is filled\n');
    this.skip();
  });

  it('refuses writes and answers reads until there is room, and then goes on by itself', async () => {
    const filler = join(directory.path, 'filler');
    await writeFile(filler, Buffer.alloc(6 * 1024 * 1024));
    const program = await Program.start({ storage: { dataDir: join(directory.path, 'data') } });
    try {
      const client = await TextClient.connect(program.routerPort);
      let acknowledged = 0;
      while ((await client.set(`k${acknowledged}`, VALUE)).type === 'OK') acknowledged += 1;
      const { text } = await http(program.httpPort, 'GET /api/status');
      expect(text)
        .to.match(/what its disk refuses: ENOSPC/)
        .and.not.include('stopped');
      expect((await client.set('another', VALUE)).type).to.equal('ERR_INTERNAL');
      for (let i = 0; i < acknowledged; i += 1)
        expect(await client.get(`k${i}`), `k${i}`).to.have.property('type', 'VALUE');
      await rm(filler);
      await eventually(
        'writes are taken again',
        async () => (await client.set('another', VALUE)).type === 'OK',
      );
      await eventually('all is well', async () => {
        return !(await http(program.httpPort, 'GET /healthz')).text.includes('troubles');
      });
      client.close();
      await program.stop();
    } finally {
      await program.kill();
      await run('umount', [directory.path]);
      await directory.remove();
    }
  });
});
