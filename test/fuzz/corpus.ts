/** Inputs that were of interest, kept in the repository: one file for each target, one input a line, in Base64. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const CORPUS_DIRECTORY = join('test', 'fuzz', 'corpus');

/** None when there is no file. */
export async function readCorpus(target: string): Promise<readonly Buffer[]> {
  const text = await readFile(pathOf(target), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => Buffer.from(line === EMPTY ? '' : line, 'base64'));
}

export async function writeCorpus(target: string, inputs: readonly Uint8Array[]): Promise<void> {
  const lines = inputs.map((input) => Buffer.from(input).toString('base64') || EMPTY);
  await writeFile(pathOf(target), `${[...new Set(lines)].sort().join('\n')}\n`);
}

/** The line of an input without bytes. */
const EMPTY = '-';

function pathOf(target: string): string {
  return join(CORPUS_DIRECTORY, `${target}.txt`);
}
