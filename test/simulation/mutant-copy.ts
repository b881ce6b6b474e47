/** A copy of the built program with a deliberate bug. */

import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant-list.js';

/** Where the built program is. A copy belongs somewhere below, to find the same packages. */
export const BUILT = fileURLToPath(new URL('../..', import.meta.url));

/** Makes the copy, of what the simulator needs, in the directory `copy`. Throws RangeError when the text to replace is not there exactly once. */
export async function makeCopy({ name, file, search, replacement }: Mutant, copy: string): Promise<void> {
  for (const part of ['src', 'test/simulation', 'test/linearizability']) {
    await cp(join(BUILT, part), join(copy, part), { recursive: true });
  }
  const path = join(copy, 'src/raft', file);
  const code = await readFile(path, 'utf8');
  const places = code.split(search).length - 1;
  if (places !== 1) throw new RangeError(`mutant "${name}": ${places} places in ${file} hold ${search}`);
  await writeFile(
    path,
    code.replace(search, () => replacement),
  );
}
