import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MUTANTS as CHAOS_MUTANTS } from '../chaos/mutant-list.js';
import { MUTANTS as SIMULATION_MUTANTS } from '../simulation/mutant-list.js';
import { BUILT, withEdit } from './mutant-copy.js';

describe('a deliberate bug', () => {
  const mutants = [
    ...CHAOS_MUTANTS,
    ...SIMULATION_MUTANTS.map((edit) => ({ name: edit.name, edits: [edit] })),
  ];
  for (const { name, edits } of mutants)
    it(`still has its place in the program: ${name}`, async () => {
      for (const edit of edits) withEdit(await readFile(join(BUILT, 'src', edit.file), 'utf8'), edit);
    });
});
