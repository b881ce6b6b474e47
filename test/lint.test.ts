import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';

const BIOME = resolve('node_modules/@biomejs/biome/bin/biome');

/** What differs from run to run, or goes by another clock than that of the simulation, an expression each. */
const OF_THE_WORLD = [
  'AbortSignal.timeout(5)',
  'AbortSignal.any([])',
  'crypto.randomUUID()',
  'Math.random()',
  'Date.now()',
  'performance.now()',
  'process.nextTick(() => {})',
  'setTimeout(() => {}, 1)',
];

describe('the linter', () => {
  let house = '';

  beforeEach(async () => {
    house = await mkdtemp(join(tmpdir(), 'threadraft-lint-'));
    await cp('biome.json', join(house, 'biome.json'));
    await cp('tools/lint', join(house, 'tools/lint'), { recursive: true });
  });
  afterEach(() => rm(house, { recursive: true }));

  it('refuses clocks, timers and random numbers that are not handed, below cluster/ alone', async () => {
    const text = OF_THE_WORLD.map((expression, place) => `export const x${place} = ${expression};\n`).join(
      '',
    );
    for (const room of ['client', 'raft', 'cluster']) {
      await mkdir(join(house, 'src', room), { recursive: true });
      await writeFile(join(house, 'src', room, 'some.ts'), text);
    }
    const args = ['lint', '--colors=off', '--max-diagnostics=none', '--vcs-enabled=false', 'src'];
    const { stdout, stderr } = spawnSync(process.execPath, [BIOME, ...args], {
      cwd: house,
      encoding: 'utf8',
    });
    for (const room of ['client', 'raft'])
      for (const [place, expression] of OF_THE_WORLD.entries())
        expect(stdout + stderr, `${expression} in ${room}/`).to.contain(`src/${room}/some.ts:${place + 1}:`);
    expect(stdout + stderr).not.to.contain('src/cluster/some.ts');
  });
});
