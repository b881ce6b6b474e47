/** Copies of the built program with deliberate bugs, for the question whether a checker would notice. */

import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A bug: what the built code says, and what it says instead. */
export interface Edit {
  /** Below `src`, as built. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly search: string;
  readonly replacement: string;
}

/** Where the built program is. A copy belongs somewhere below, to find the same packages. */
export const BUILT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Makes a copy in the directory `copy`, of those directories of the built program, with the edits done. Throws RangeError
 * when a text to replace is not there exactly once.
 */
export async function makeCopy(
  edits: readonly Edit[],
  directories: readonly string[],
  copy: string,
): Promise<void> {
  for (const directory of directories)
    await cp(join(BUILT, directory), join(copy, directory), { recursive: true });
  for (const edit of edits) {
    const path = join(copy, 'src', edit.file);
    await writeFile(path, withEdit(await readFile(path, 'utf8'), edit));
  }
}

/** The code with the edit done. Throws RangeError when the text to replace is not there exactly once. */
export function withEdit(code: string, { file, search, replacement }: Edit): string {
  const places = code.split(search).length - 1;
  if (places !== 1) throw new RangeError(`${places} places in ${file} hold ${search}`);
  return code.replace(search, () => replacement);
}
