/** Where a process's resident memory lies, by what `/proc/<pid>/smaps` tells of each mapping. */

import { readFile } from 'node:fs/promises';

/** glibc gives each thread an arena, which begins at a multiple of this many bytes. */
const ARENA_BYTES = 64 * 1024 * 1024;

/** In bytes. */
export interface ProcessMemory {
  readonly resident: number;
  /** What `malloc` has taken: the arenas of threads, and `[heap]`, that of the main thread. */
  readonly arenas: number;
  readonly arenaCount: number;
  /** Anonymous memory that was mapped otherwise: V8's heaps, large buffers, stacks. */
  readonly mapped: number;
  /** Of files: code. */
  readonly files: number;
}

/** Throws where the system does not tell. */
export async function processMemory(pid: number): Promise<ProcessMemory> {
  return memoryOfMappings(await readFile(`/proc/${pid}/smaps`, 'latin1'));
}

const MAPPING = /^([0-9a-f]+)-[0-9a-f]+ (\S{4}) \S+ \S+ (\d+) *(.*)\n(?:[A-Z].*\n)*?Rss: +(\d+) kB/gm;

export function memoryOfMappings(smaps: string): ProcessMemory {
  let [arenas, arenaCount, mapped, files] = [0, 0, 0, 0];
  for (const [, start = '', access, inode, name, residentKb] of smaps.matchAll(MAPPING)) {
    const bytes = Number(residentKb) * 1024;
    const isArena = access === 'rw-p' && name === '' && Number.parseInt(start, 16) % ARENA_BYTES === 0;
    if (inode !== '0') files += bytes;
    else if (isArena || name === '[heap]') {
      arenas += bytes;
      arenaCount += 1;
    } else mapped += bytes;
  }
  return { resident: arenas + mapped + files, arenas, arenaCount, mapped, files };
}
