/** A disk that fails for good while its server runs, and the server that takes its place on another one. */

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { http } from '../../tools/support/http.js';
import { dataDirsIn, Program } from '../../tools/support/program.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, temporaryDirectory } from '../support/cluster.js';

const FAILING_DISK = new URL('../../tools/chaos/failing-disk.js', import.meta.url).href;

describe('a disk that fails while its server runs', function () {
  this.timeout(120_000);
  let directory: { path: string; remove: () => Promise<void> };
  let dataDirs: readonly string[];
  let program: Program;
  let client: TextClient;
  let written: number;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    await mkdir(faultsDir());
    dataDirs = dataDirsIn(directory.path, { servers: 3, isApart: true });
    program = await start(dataDirs);
    client = await TextClient.connect(program.routerPort);
    written = 0;
  });

  afterEach(async () => {
    client.close();
    await program.kill();
    await directory.remove();
  });

  function faultsDir(): string {
    return join(directory.path, 'faults');
  }

  function start(dirs: readonly string[], isThere = false): Promise<Program> {
    return Program.start({
      storage: { dataDir: dirs },
      isThere,
      nodeFlags: ['--import', FAILING_DISK],
      env: { CHAOS_DISK_FAULTS: faultsDir() },
      flags: ['--log-level', 'warn'],
    });
  }

  /** A write whose outcome is unknown, since its leader has ended, is done again. */
  async function write(): Promise<void> {
    const { type } = await client.set(`k${written}`, 'v');
    expect(type).to.be.oneOf(['OK', 'ERR_INTERNAL']);
    if (type === 'OK') written += 1;
  }

  /** All writes to the directory of the server fail from now on. */
  async function fail(id: number): Promise<void> {
    for (const name of [`server-${id}`, basename(dataDirs[id] ?? '')])
      await writeFile(join(faultsDir(), name), 'fail');
  }

  async function ask(call: string): Promise<string> {
    return (await http(program.httpPort, call)).text;
  }

  for (const who of ['a follower', 'the leader'] as const)
    it(`costs that server alone, be it ${who}, which says so and is replaced onto another disk`, async () => {
      await write();
      const leader = await program.leader();
      const id = who === 'the leader' ? leader : (leader + 1) % 3;
      await fail(id);
      await eventually('it stops', async () => {
        await write();
        const { servers } = await program.status();
        return servers[id]?.state === 'stopped';
      });
      for (const page of ['/healthz', '/api/status'])
        expect(await ask(`GET ${page}`), page).to.match(/EIO.*: check the disk/);
      expect(await ask('GET /metrics')).to.include(`threadraft_disk_failed{server="${id}"} 1`);
      expect(program.stderrTail).to.match(/EIO/);

      // Where it was nothing can be written.
      expect(await ask(`POST /api/servers/${id}/replace`)).to.match(/EIO.*name another directory/);
      expect((await program.members()).voters).to.deep.equal([0, 1, 2]);
      const renewed = join(directory.path, 'new');
      await program.replaceServer(id, renewed);
      expect(await program.members()).to.deep.equal({ voters: [0, 1, 2], learners: [], change: null });
      expect(await ask('GET /healthz')).not.to.include('troubles');
      expect(await ask('GET /metrics')).to.include(`threadraft_disk_failed{server="${id}"} 0`);
      await write();

      // The new one has everything, also after a start of the program that names the disk no more.
      client.close();
      await program.stop();
      program = await start(
        dataDirs.map((path, place) => (place === id ? renewed : path)),
        true,
      );
      await program.lead(id);
      client = await TextClient.connect(program.portOf(id));
      for (let key = 0; key < written; key += 1)
        expect(await client.get(`k${key}`)).to.deep.equal({ type: 'VALUE', value: 'v' });
    });
});
