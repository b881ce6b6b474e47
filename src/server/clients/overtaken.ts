/**
 * Reads that the router sends again after a later write of the same client was executed: they are not executed, since they would
 * see what came after them.
 */

import type { Reply } from '../../protocol/reply.js';
import { isRead } from '../../protocol/request.js';
import type { KeyValueStore } from '../../state-machine/key-value-store.js';
import type { DedupeKey } from '../../wire/dedupe-key.js';
import type { PendingCommand } from './client-connection.js';

/** What such a read is told. */
export const OVERTAKEN: Reply = { type: 'result-unknown' };

/** What tells whether a command was sent to an earlier leader, too. */
export type Sent = Pick<PendingCommand, 'endOffset'> & {
  readonly client: Pick<PendingCommand['client'], 'dedupeKey'>;
};

/** By what it is known whether an earlier leader has executed the command; undefined if none can have. */
export function repeatKeyOf({ client: { dedupeKey }, endOffset }: Sent): DedupeKey | undefined {
  return dedupeKey !== undefined && endOffset <= dedupeKey.repeatedBytes ? dedupeKey : undefined;
}

/** Whether it is a read, and a write that comes later in its stream was done for an earlier leader: it would see too much. */
export function isOvertaken(command: PendingCommand, store: Pick<KeyValueStore, 'highestPlaceOf'>): boolean {
  const { client, endOffset, request } = command;
  const key = repeatKeyOf(command);
  if (key === undefined || !isRead(request)) return false;
  return store.highestPlaceOf(key.row, client.connection) > key.place + endOffset;
}
