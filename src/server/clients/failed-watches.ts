/**
 * Transactions that need no entry in the log to be refused: a key that they watch has changed, and never again is as it was, for
 * the marks of its changes only go up.
 */

import type { RedisTransaction } from '../../protocol/command.js';
import type { ReadableKeyspace } from '../../state-machine/redis/keyspace.js';
import { watch } from '../../state-machine/redis/transaction.js';
import { repeatKeyOf, type Sent } from './overtaken.js';

/** So many watched keys are looked at: among contenders there is one, as a rule. */
const MAX_LOOKED_AT = 16;

/**
 * Whether a watched key has changed. False for what an earlier leader may have executed: the change may be its own.
 *
 * @param keyspace after an entry that is committed, be it the last one or not
 */
export function hasFailedWatch(
  command: Sent,
  { watched, lost }: RedisTransaction,
  keyspace: Pick<ReadableKeyspace, 'find' | 'removalsOf'>,
): boolean {
  if (lost !== undefined || repeatKeyOf(command) !== undefined) return false;
  return watched.slice(0, MAX_LOOKED_AT).some(({ key, mark }) => watch(keyspace, key).mark !== mark);
}
