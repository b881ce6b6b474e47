import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { BUILT, makeCopy } from '../../tools/support/mutant-copy.js';
import { MEMBERS_MUTANTS, SCENARIO_MUTANTS } from './members-mutant-list.js';

/** What a run needs of the built program. */
const NEEDED = ['src/raft', 'src/bytes', 'test/support/raft', 'tools/support'];
const COPIES = join(BUILT, `members-mutants-${process.pid}`);
const MAX_SEEDS = 600;
const STEPS = 2_000;

const MOCHA = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const TESTS = ['members.test.js', 'members-traps.test.js'];

after(() => rm(COPIES, { recursive: true, force: true }));

describe('members that change at random', () => {
  for (const [i, { name, edits }] of MEMBERS_MUTANTS.entries())
    it(`find out this bug: ${name}`, async function () {
      this.timeout(60_000);
      const copy = join(COPIES, `${i}`);
      await makeCopy(edits, NEEDED, copy);
      const { runMembers }: { readonly runMembers: (seed: number, steps: number) => unknown } = await import(
        pathToFileURL(join(copy, 'test/support/raft/members-run.js')).href
      );
      for (let seed = 1; seed <= MAX_SEEDS; seed += 1) {
        try {
          runMembers(seed, STEPS);
        } catch {
          return;
        }
      }
      throw new Error(`it was not found within ${MAX_SEEDS} runs`);
    });
});

describe('the tests of members', () => {
  async function fail(copy: string): Promise<boolean> {
    const files = TESTS.map((name) => join(copy, 'test/raft', name));
    const child = spawn(process.execPath, [MOCHA, '--no-config', '--bail', ...files], { stdio: 'ignore' });
    const [code]: unknown[] = await once(child, 'exit');
    return code !== 0;
  }

  it('pass in a copy without a bug', async function () {
    this.timeout(60_000);
    const copy = join(COPIES, 'whole');
    await makeCopy([], [...NEEDED, 'test/raft'], copy);
    expect(await fail(copy)).to.equal(false);
  });

  for (const [i, { name, edits }] of SCENARIO_MUTANTS.entries())
    it(`find out this bug: ${name}`, async function () {
      this.timeout(60_000);
      const copy = join(COPIES, `scenario-${i}`);
      await makeCopy(edits, [...NEEDED, 'test/raft'], copy);
      expect(await fail(copy)).to.equal(true);
    });
});
