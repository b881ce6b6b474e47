import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MUTANTS } from '../../tools/chaos/mutant-list.js';
import { BUILT, withEdit } from '../../tools/support/mutant-copy.js';

describe('a deliberate bug for chaos', () => {
  for (const { name, edits } of MUTANTS)
    it(`still has its place in the program: ${name}`, async () => {
      for (const edit of edits) withEdit(await readFile(join(BUILT, 'src', edit.file), 'utf8'), edit);
    });
});
