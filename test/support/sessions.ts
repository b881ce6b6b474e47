/** All that a store knows of clients' sessions, as an image has it. */

import { ImageReader } from '../../src/state-machine/image.js';
import type { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import type { ClientSession } from '../../src/state-machine/sessions/client-session.js';
import type { SessionsState } from '../../src/state-machine/sessions/sessions-image.js';

/** A line for what all have in common, and one for each session, in the order of their last use. */
export function sessionsOf(store: KeyValueStore): string[] {
  const lines: string[] = [];
  const reader = new ImageReader({
    clock: () => undefined,
    removals: () => undefined,
    revisions: () => undefined,
    sessions: {
      restore: (state: SessionsState) => lines.push(JSON.stringify(state)),
      add: ({ id, ttlMs, lastUsedMs, done, kept, notKept }: ClientSession) =>
        lines.push(JSON.stringify({ id, ttlMs, lastUsedMs, done, kept: [...kept], notKept })),
    },
    dedupe: { restoreStart: () => undefined, restoreRow: () => undefined, restoreChunk: () => undefined },
    record: () => undefined,
  });
  const image = store.image();
  for (let piece = image.next(64 * 1024); piece !== undefined; piece = image.next(64 * 1024))
    reader.push(piece);
  return lines;
}
