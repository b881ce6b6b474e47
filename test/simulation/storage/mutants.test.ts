import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BUILT, makeCopy } from '../../../tools/support/mutant-copy.js';
import { STORAGE_MUTANTS } from './mutant-list.js';

/** What a run needs of the built program. */
const NEEDED = ['src', 'test/simulation', 'tools/support'];
const COPIES = join(BUILT, `storage-mutants-${process.pid}`);
const MAX_SEEDS = 400;

describe('a run of the storage on a disk that fails', () => {
  after(() => rm(COPIES, { recursive: true, force: true }));

  for (const [i, mutant] of STORAGE_MUTANTS.entries())
    it(`finds out this bug: ${mutant.name}`, async function () {
      this.timeout(60_000);
      const copy = join(COPIES, `${i}`);
      await makeCopy([mutant], NEEDED, copy);
      const { runDisk }: { readonly runDisk: (seed: number) => Promise<unknown> } = await import(
        pathToFileURL(join(copy, 'test/simulation/storage/disk-run.js')).href
      );
      for (let seed = 1; seed <= MAX_SEEDS; seed += 1) {
        try {
          await runDisk(seed);
        } catch {
          return;
        }
      }
      throw new Error(`it was not found within ${MAX_SEEDS} runs`);
    });
});
