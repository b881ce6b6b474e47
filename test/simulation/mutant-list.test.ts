import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BUILT, withEdit } from '../../tools/support/mutant-copy.js';
import { MUTANTS } from './mutant-list.js';

describe('a deliberate bug for the simulator', () => {
  for (const edit of MUTANTS)
    it(`still has its place in the program: ${edit.name}`, async () => {
      withEdit(await readFile(join(BUILT, 'src', edit.file), 'utf8'), edit);
    });
});
