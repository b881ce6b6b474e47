/** What is checked once the program was killed and started again. */

import { InvalidArgumentError } from 'commander';
import type { Program } from '../support/program.js';
import { type ReadKey, whileLeading } from '../support/while-leading.js';
import { LostWriteError } from './key-model.js';
import type { Writer } from './writer.js';

/** Has each server lead in turn, and compares what it holds with what it may hold. */
export async function checkAll(started: Program, writers: readonly Writer[]): Promise<LostWriteError[]> {
  const found: LostWriteError[] = [];
  const { leader: first, servers } = await started.status();
  const others = servers.map(({ id }) => id).filter((id) => id !== first);
  for (const id of first === null ? others : [first, ...others])
    found.push(...(await whileLeading(started, id, (read) => lostAt(id, writers, read))));
  return found;
}

async function lostAt(id: number, writers: readonly Writer[], read: ReadKey): Promise<LostWriteError[]> {
  const found: LostWriteError[] = [];
  for (const writer of writers) {
    const lost = await writer.check(read).then(() => undefined, lostWrite);
    if (lost !== undefined) found.push(new LostWriteError(`server ${id}`, lost.message));
  }
  return found;
}

/** The error if it is about a lost write. Throws any other. */
export function lostWrite(error: unknown): LostWriteError {
  if (error instanceof LostWriteError) return error;
  throw error;
}

/** What the log tells of terms that had another leader before; notes who led the others. */
export function secondLeaders(log: string, leaders: Map<number, number>): readonly string[] {
  return log.split('\n').flatMap((line) => {
    const [, server, term] = /"server":(\d+),"term":(\d+),"msg":"elected leader"/.exec(line) ?? [];
    if (server === undefined || term === undefined) return [];
    const other = leaders.get(Number(term));
    leaders.set(Number(term), Number(server));
    return other === undefined || other === Number(server)
      ? []
      : [`term ${term} was led by ${other} and ${server}`];
  });
}

/** A number on the command line: 1 or more. Throws InvalidArgumentError. */
export function whole(text: string): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
