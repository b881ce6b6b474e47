/**
 * Entries that a follower lacks and that the leader has on its disk alone: the driver is asked to read them, one read for a
 * follower at a time, and replication goes on with the answer. Only entries that are on the disk for good, and were
 * committed, have left the memory: no later term replaces what is read.
 */

import { invariant } from './assert.js';
import type { Core } from './core.js';
import type { Replicating } from './progress.js';
import type { Entry } from './types.js';

/** Asks for the next entries that the follower lacks, unless it has been done. */
export function askForEntries(core: Core, state: Replicating): void {
  if (state.readId !== undefined) return;
  core.lastReadId += 1;
  state.readId = core.lastReadId;
  core.logReads.push({
    readId: state.readId,
    from: state.nextIndex,
    to: core.log.heldAfter,
    maxBytes: core.options.maxAppendBytes,
  });
}

/**
 * Whether what was read is what this follower waits for: the next entries that it lacks. None are, where compaction came
 * before the read. Throws InvariantError when they are not those of the log.
 */
export function isAwaited(
  core: Core,
  state: Replicating,
  readId: number,
  entries: readonly Entry[],
): boolean {
  if (state.readId !== readId) return false;
  state.readId = undefined;
  const [first] = entries;
  if (first?.index !== state.nextIndex || first.index <= core.log.start.index) return false;
  for (const [i, entry] of entries.entries())
    invariant(
      entry.index === first.index + i && core.log.has(entry),
      `entry ${entry.index} of term ${entry.term} was read in place of ${first.index + i} of term ${core.log.termAt(first.index + i)}`,
    );
  return true;
}
