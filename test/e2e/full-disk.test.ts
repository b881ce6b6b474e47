/** A file system without room under all servers: a small one of its own, which only root can mount. */

import { execFile } from 'node:child_process';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { http } from '../../tools/support/http.js';
import { Program } from '../../tools/support/program.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, temporaryDirectory } from '../support/cluster.js';

const run = promisify(execFile);
const VALUE = 'x'.repeat(50_000);

describe('a full disk under all servers', function () {
  this.timeout(120_000);
  let directory: { path: string; remove: () => Promise<void> };

  beforeEach(async function () {
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
  afterEach(async () => {
    await run('umount', [directory.path]).catch(() => undefined);
    await directory.remove();
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
      const redis = await RedisClient.connect(program.routerPort);
      expect(await redis.call('SET', 'another', VALUE))
        .to.have.property('error')
        .that.matches(/^MISCONF .*nothing was written/);
      expect(await redis.call('GET', 'k0')).to.equal(VALUE);
      expect(await redis.call('EXISTS', 'another')).to.equal(0);
      redis.close();
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
    }
  });

  it('keeps the program from starting, in one line, and harms nothing', async () => {
    const storage = { dataDir: join(directory.path, 'data') };
    const program = await Program.start({ storage });
    const client = await TextClient.connect(program.routerPort);
    expect(await client.set('k', 'v')).to.have.property('type', 'OK');
    client.close();
    await program.stop();
    const filler = join(directory.path, 'filler');
    await fill(filler);
    for (let start = 0; start < 2; start += 1) {
      const refused = await Program.start({ storage }).catch((error: unknown) => error);
      expect(String(refused)).to.match(/ended with exit code 1 .*ENOSPC.*the disk is full: make room on it/);
    }
    await rm(filler);
    const again = await Program.start({ storage });
    try {
      const reader = await TextClient.connect(again.routerPort);
      expect(await reader.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
      reader.close();
      await again.stop();
    } finally {
      await again.kill();
    }
  });

  it('keeps a server from coming back for as long as it lasts, and no longer', async () => {
    const program = await Program.start({ storage: { dataDir: join(directory.path, 'data') } });
    try {
      const filler = join(directory.path, 'filler');
      await fill(filler);
      const id = ((await program.leader()) + 1) % 3;
      await program.killServer(id);
      await program.restartServer(id).catch(() => undefined);
      await program.waitFor('its start is refused', ({ servers }) => servers[id]?.reason?.includes('ENOSPC'));
      await rm(filler);
      await program.waitFor('it runs again by itself', ({ servers }) => servers[id]?.state === 'running');
      await program.stop();
    } finally {
      await program.kill();
    }
  });
});

/** Writes to the file until the file system has no room for another byte. */
async function fill(path: string): Promise<void> {
  for (const byteLength of [1024 * 1024, 4096]) {
    const bytes = Buffer.alloc(byteLength);
    while (
      await appendFile(path, bytes).then(
        () => true,
        () => false,
      )
    );
  }
}
