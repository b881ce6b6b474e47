/** Where the servers of a cluster have their data, as the descriptions in its directories say. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ServerHome {
  /** What its own directory is called by: an id may be given again, and that may not. */
  readonly identity: number;
  /** The data directory that it is in. */
  readonly dataDir: string;
}

interface Description {
  readonly members: readonly { readonly id: number; readonly slot: number; readonly dataDir?: string }[];
  /** Of several descriptions the one with the highest counts. */
  readonly revision: number;
  readonly dataDir: string;
}

/** By the ids of the servers. Directories of servers that were removed lead on to those of the members. */
export async function serverHomes(dataDirs: readonly string[]): Promise<ReadonlyMap<number, ServerHome>> {
  const found = new Map<string, Description>();
  let next: readonly string[] = dataDirs;
  while (next.length > 0) {
    for (const dataDir of next) found.set(dataDir, await read(dataDir));
    next = placesIn(newestOf(found)).filter((path) => !found.has(path));
  }
  const { members, dataDir } = newestOf(found);
  const inRisingOrder = [...members].sort((a, b) => a.id - b.id);
  return new Map(
    inRisingOrder.map((member) => [member.slot, { identity: member.id, dataDir: member.dataDir ?? dataDir }]),
  );
}

function newestOf(found: ReadonlyMap<string, Description>): Description {
  return [...found.values()].reduce((best, one) => (one.revision > best.revision ? one : best));
}

function placesIn({ members }: Description): readonly string[] {
  return members.flatMap(({ dataDir }) => dataDir ?? []);
}

/** A directory that is lost says nothing. */
async function read(dataDir: string): Promise<Description> {
  try {
    const text = await readFile(join(dataDir, 'manifest'), 'utf8');
    // Its first line is a checksum.
    return { revision: 0, ...JSON.parse(text.slice(text.indexOf('\n') + 1)), dataDir };
  } catch {
    return { members: [], revision: -1, dataDir };
  }
}
