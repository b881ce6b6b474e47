/**
 * ReadIndex: linearizable reads without a log entry (thesis 6.4).
 *
 * A read may be answered from the leader's state machine once that holds everything that was committed when the read
 * came in, provided that the leader was still the leader after that. It knows so by its lease (leader-lease.ts), or else by
 * a round of heartbeats that is sent after the read came in, shared by all reads of a turn. A new leader knows what is
 * committed only once its no-op is, so until then reads wait.
 */

import type { Core } from './core.js';
import { answerFollower } from './follower-reads.js';
import { leaseEndMs } from './leader-lease.js';
import { reachedInForce } from './leader-quorum.js';
import { isNoOpCommitted } from './no-op.js';
import type { Progress } from './progress.js';
import type { Reader } from './read-queue.js';
import type { Leader } from './roles.js';
import type { Echo, LogIndex, ReadIndex } from './types.js';

/**
 * A read of the leader's own clients, or of a follower's, came in. The reader gets its answer later, maybe at once. A leader
 * that was removed takes no reads.
 */
export function addRead(core: Core, role: Leader, reader: Reader): void {
  if (role.transfer.state === 'leaving') {
    if (reader.type === 'driver') core.failedReads.push(reader.readId);
    return;
  }
  if (!isNoOpCommitted(core, role)) {
    role.reads.addEarly(reader);
    return;
  }
  confirmAt(core, role, reader, core.commitIndex);
}

/** A follower asks about reads of its own (thesis 6.4). */
export function onReadIndex(core: Core, { from: id, request }: ReadIndex): void {
  const { role } = core;
  if (role.name !== 'leader') return;
  const progress = role.progress.get(id);
  if (progress !== undefined) progress.lastAskedMs = core.nowMs;
  addRead(core, role, { type: 'follower', id, request });
}

/**
 * The commit index moved: reads that waited for the leader's no-op go on. Their read index is that of the no-op: all that was
 * committed when they came in is before it. Entries after it were proposed later than the reads, which do not wait for them.
 */
export function admitEarlyReads(core: Core, role: Leader): void {
  if (!isNoOpCommitted(core, role)) return;
  for (const reader of role.reads.takeEarly()) confirmAt(core, role, reader, role.noOpIndex);
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

/** What the answer to a message of the current round shall repeat. */
export function echoOf(core: Core, role: Leader): Echo {
  return { round: role.round, sentAtMs: core.nowMs };
}

function answeredRoundOf({ answeredRound }: Progress): number {
  return answeredRound;
}
