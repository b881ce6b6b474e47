import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BUILT, makeCopy } from '../../tools/support/mutant-copy.js';
import { MEMBERS_MUTANTS } from './members-mutant-list.js';

/** What a run needs of the built program. */
const NEEDED = ['src/raft', 'src/bytes', 'test/support/raft', 'tools/support'];
const COPIES = join(BUILT, `members-mutants-${process.pid}`);
const MAX_SEEDS = 600;
const STEPS = 2_000;

describe('members that change at random', () => {
  after(() => rm(COPIES, { recursive: true, force: true }));

  for (const [i, mutant] of MEMBERS_MUTANTS.entries())
    it(`find out this bug: ${mutant.name}`, async function () {
      this.timeout(60_000);
      const copy = join(COPIES, `${i}`);
      await makeCopy(mutant.edits, NEEDED, copy);
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
