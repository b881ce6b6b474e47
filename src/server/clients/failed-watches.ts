/**
 * Transactions that need no entry in the log to be refused: a key that they watch has changed, and never again is as it was, for
 * the marks of its changes only go up.
 */

import type { RedisTransaction } from '../../protocol/command.js';
import type { ReadableKeyspace } from '../../state-machine/redis/keyspace.js';
import { watch } from '../../state-machine/redis/transaction.js';
import type { PendingCommand } from './client-connection.js';

/** What tells whether a command was sent to an earlier leader, too. */
type Sent = Pick<PendingCommand, 'endOffset'> & {
  readonly client: Pick<PendingCommand['client'], 'dedupeKey'>;
};

/** So many watched keys are looked at: among contenders there is one, as a rule. */
const MAX_LOOKED_AT = 16;

/**
 * Whether a watched key has changed. False for what an earlier leader may have executed: the change may be its own.
 *
 * @param keyspace after an entry that is committed, be it the last one or not
 */
export function hasFailedWatch(
  { client: { dedupeKey }, endOffset }: Sent,
  { watched, lost }: RedisTransaction,
  keyspace: Pick<ReadableKeyspace, 'find' | 'removalsOf'>,
): boolean {
  const isRepeat = dedupeKey !== undefined && endOffset <= dedupeKey.repeatedBytes;
  if (isRepeat || lost !== undefined) return false;
  return watched.slice(0, MAX_LOOKED_AT).some(({ key, mark }) => watch(keyspace, key).mark !== mark);
}
