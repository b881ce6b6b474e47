import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';

const CRUISER = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const RULES = resolve('.dependency-cruiser.mjs');

describe('the check of import directions', () => {
  let house = '';

  beforeEach(async () => {
    house = await mkdtemp(join(tmpdir(), 'threadraft-imports-'));
  });

  afterEach(() => rm(house, { recursive: true }));

  /** The violations in a house of these files, one a line. */
  async function check(files: Readonly<Record<string, string>>): Promise<string> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(house, name)), { recursive: true });
      await writeFile(join(house, name), text);
    }
    const { stdout, stderr } = spawnSync(process.execPath, [CRUISER, '--config', RULES, 'src'], {
      cwd: house,
      encoding: 'utf8',
    });
    return stdout + stderr;
  }

  it('passes a room that imports lower ones', async () => {
    const found = await check({
      'src/raft/core.ts': "import { join } from 'node:path';\nexport const core = join('a', 'b');\n",
      'src/server/server.ts': "import { core } from '../raft/core.js';\nexport const server = core;\n",
    });
    expect(found).to.contain('no dependency violations found');
  });

  it('fails a room that imports a higher one, were it only a type', async () => {
    const found = await check({
      'src/raft/core.ts': "import type { Server } from '../server/server.js';\nexport type Core = Server;\n",
      'src/server/server.ts': 'export type Server = 1;\n',
    });
    expect(found).to.contain('raft-imports-what-is-higher: src/raft/core.ts');
  });

  it('fails rooms side by side that import one another', async () => {
    const found = await check({
      'src/gateway/gateway.ts': "export * from '../server/server.js';\n",
      'src/server/server.ts': 'export type Server = 1;\n',
    });
    expect(found).to.contain('gateway-imports-what-is-higher: src/gateway/gateway.ts');
  });

  it('fails files that import each other, were it only for types', async () => {
    const found = await check({
      'src/raft/log.ts': "import type { Term } from './term.js';\nexport type Log = Term[];\n",
      'src/raft/term.ts': "import { type Log } from './log.js';\nexport type Term = Log[];\n",
    });
    expect(found).to.contain('no-circle: src/raft/log.ts');
  });

  it('fails a room below cluster/ that touches the world by itself', async () => {
    const open = "import { open } from 'node:fs/promises';\nexport const opened = open('file');\n";
    const found = await check({ 'src/raft/log.ts': open, 'src/cluster/cluster.ts': open });
    expect(found).to.contain('touches-the-world: src/raft/log.ts');
    expect(found).to.not.contain('src/cluster/cluster.ts');
  });
});
