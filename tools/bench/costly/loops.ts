/** What the program's watch of its event loops tells: see docs/observing.md. */

import { http } from '../../support/http.js';

export interface LoopReading {
  /** By thread: the longest block of the last 15 s, in ms, and seconds with one of over 20 ms since the start. */
  readonly longestMs: ReadonlyMap<string, number>;
  readonly blockedSeconds: ReadonlyMap<string, number>;
}

const MS_PER_S = 1000;

export async function readLoops(httpPort: number): Promise<LoopReading> {
  const { text } = await http(httpPort, 'GET /metrics');
  const seconds = valuesOf(text, 'threadraft_thread_loop_longest_block_seconds');
  const longestMs = new Map([...seconds].map(([thread, value]) => [thread, value * MS_PER_S]));
  return { longestMs, blockedSeconds: valuesOf(text, 'threadraft_thread_loop_blocked_total') };
}

function valuesOf(text: string, metric: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, thread = '', value] of text.matchAll(
    new RegExp(`^${metric}\\{thread="([^"]+)"\\} (\\S+)$`, 'gm'),
  ))
    found.set(thread, Number(value));
  return found;
}
