/** Do all servers hold the same in the end? */

import type { TextReply } from '../support/text-client.js';
import { whileLeading } from '../support/while-leading.js';
import { nowNs } from './client.js';
import type { HistoryLine } from './history-file.js';
import type { Site } from './site.js';
import { nameOf } from './values.js';

export interface Replicas {
  /** One line for each key on which servers differ. */
  readonly differences: readonly string[];
  /** What was read, for the history: it has to be what the writes led to. */
  readonly reads: readonly HistoryLine[];
}

/**
 * Has each server lead in turn, once it has applied all that is committed, and reads every key from it.
 *
 * @param client what the reads go by in the history
 */
export async function compareReplicas(
  site: Site,
  keys: readonly string[],
  client: number,
): Promise<Replicas> {
  const reads: HistoryLine[][] = [];
  for (const id of site.ids) reads.push(await readAll(site, id, keys, client));
  const differences = keys.flatMap((key, place) => {
    const seen = reads.map((lines) => stateIn(lines[place]));
    if (new Set(seen).size <= 1) return [];
    return [`${key}: ${seen.map((state, i) => `server ${site.ids[i]} has ${state}`).join(', ')}`];
  });
  return { differences, reads: reads.flat() };
}

async function readAll(
  site: Site,
  id: number,
  keys: readonly string[],
  client: number,
): Promise<HistoryLine[]> {
  return whileLeading(await site.program(), id, async (read) => {
    const lines: HistoryLine[] = [];
    for (const key of keys) {
      const call = nowNs();
      lines.push(lineOf({ client, key, call }, await read(key)));
    }
    return lines;
  });
}

/** Throws TypeError for a reply that a read of a server that leads does not have. */
function lineOf(
  { client, key, call }: Pick<HistoryLine, 'client' | 'key' | 'call'>,
  reply: TextReply,
): HistoryLine {
  const line = { client, op: 'get', key, expected: null, ttlMs: null, call, return: nowNs() } as const;
  if (reply.type === 'META')
    return { ...line, value: nameOf(reply.value), version: reply.version, outcome: 'ok' };
  if (reply.type === 'ERR_NOT_FOUND') return { ...line, value: null, version: null, outcome: 'not-found' };
  throw new TypeError(`a read of ${key} was answered ${reply.type}`);
}

function stateIn(line: HistoryLine | undefined): string {
  return line?.outcome === 'ok' ? `${line.value} in version ${line.version}` : 'nothing';
}
