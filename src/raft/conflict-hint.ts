/**
 * The conflict hint: how a leader finds in few messages the last entry that it shares with a follower whose log conflicts
 * with its own (§5.3, "the protocol can be optimized to reduce the number of rejected AppendEntries RPCs").
 *
 * The follower that rejects AppendEntries names the last position where both logs could agree, judged by its own log. The
 * leader judges that position by its log in the same way, and tries there next. So each skips all entries of a term at once.
 */

import type { RaftLog } from './log.js';
import type { LogPosition } from './types.js';

/**
 * The last position at or before `position` where a log that has `position` could agree with this one: going back over
 * entries of a later term than `position.term`, which the other log cannot hold there.
 */
export function conflictHint(log: RaftLog, position: LogPosition): LogPosition {
  return log.lastOfTermUpTo(position.term, position.index);
}
