/**
 * Linearizable reads without a log entry (thesis 6.4).
 *
 * A read may be answered from the leader's state machine once it holds everything that was committed when the read
 * came in, provided that the leader was still the leader after that. Two ways to know: the lease, which the
 * answers of a majority grant from the moment the answered message was *sent*; or a round of heartbeats sent after
 * the read came in, shared by all reads of a turn (ReadIndex). A new leader knows what is committed only once an
 * entry of its own term is, so until then reads wait.
 */

import type { Core } from './core.js';
import { answerFollower } from './follower-reads.js';
import { reachedInForce } from './leader-quorum.js';
import { leaseEndMs } from './lease.js';
import type { Progress } from './progress.js';
import type { Reader } from './read-queue.js';
import type { Leader } from './roles.js';
import type { Echo, LogIndex, ReadIndex } from './types.js';

/** A read of the leader's own clients, or of a follower's, came in. The reader is told, maybe at once. */
export function addRead(core: Core, role: Leader, reader: Reader): void {
  if (!isServing(core, role)) {
    role.reads.addEarly(reader);
    return;
  }
  confirmAt(core, role, reader, core.commitIndex);
}

/** A follower asks about reads of its own (thesis 6.4). */
export function onReadIndex(core: Core, { from: id, request }: ReadIndex): void {
  if (core.role.name === 'leader') addRead(core, core.role, { type: 'follower', id, request });
}

/**
 * The commit index moved: reads that waited for the leader's first own entry go on. That entry is as far as they have to
 * see: whatever was committed when they came in is before it. Entries that the commit index took in along with it were
 * proposed after them, and the driver answers in that order.
 */
export function admitEarlyReads(core: Core, role: Leader): void {
  if (!isServing(core, role)) return;
  for (const reader of role.reads.takeEarly()) confirmAt(core, role, reader, role.termStartIndex);
}

/** Confirms a read of everything up to `index`: at once within the lease, else by a round that is still to be sent. */
function confirmAt(core: Core, role: Leader, reader: Reader, index: LogIndex): void {
  if (core.nowMs < leaseEndMs(core, role)) tell(core, reader, index);
  else role.reads.add({ reader, index, round: role.round + 1 });
}

function tell(core: Core, reader: Reader, index: LogIndex): void {
  if (reader.type === 'driver') core.confirmedReads.push({ readId: reader.readId, index });
  else answerFollower(core, reader, index);
}

/** Answers came in: reads whose round a majority has answered are confirmed. */
export function confirmReads(core: Core, role: Leader): void {
  const round = reachedInForce(core, role, role.round, answeredRoundOf);
  for (const { reader, index } of role.reads.takeConfirmed(round)) tell(core, reader, index);
}

/** Whether an entry of the leader's own term is committed. */
export function isServing(core: Core, role: Leader): boolean {
  return core.commitIndex >= role.termStartIndex;
}

/** What the answer to a message of the current round shall repeat. */
export function echoOf(core: Core, role: Leader): Echo {
  return { round: role.round, sentAtMs: core.nowMs };
}

function answeredRoundOf({ answeredRound }: Progress): number {
  return answeredRound;
}
