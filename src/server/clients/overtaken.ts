/**
 * Reads that the router sends again after a later write of the same client was executed: they are not executed, since they would
 * see what came after them.
 */

import type { Reply } from '../../protocol/reply.js';
import { isRead } from '../../protocol/request.js';
import type { KeyValueStore } from '../../state-machine/key-value-store.js';
import type { PendingCommand } from './client-connection.js';

/** What such a read is told. */
export const OVERTAKEN: Reply = { type: 'result-unknown' };

/** Whether it is a read, and a write that comes later in its stream was done for an earlier leader: it would see too much. */
export function isOvertaken(
  { client: { dedupeKey, connection }, endOffset, request }: PendingCommand,
  store: Pick<KeyValueStore, 'highestPlaceOf'>,
): boolean {
  if (dedupeKey === undefined || endOffset > dedupeKey.repeatedBytes || !isRead(request)) return false;
  return store.highestPlaceOf(dedupeKey.row, connection) > dedupeKey.place + endOffset;
}
