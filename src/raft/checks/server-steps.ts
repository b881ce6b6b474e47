/** Checks of a server by itself: what is so at any time, and what may have changed since it was last looked at. */

import { PropertyViolation } from './property-violation.js';
import type { ServerView } from './raft-view.js';

/** Only what is committed is compacted (§7), and only what is in the log is committed. */
export function checkBounds({ id, logStart, commitIndex, lastLog }: ServerView): void {
  if (logStart.index <= commitIndex && commitIndex <= lastLog.index) return;
  const what = `server ${id} has a log from ${logStart.index} to ${lastLog.index}, committed to ${commitIndex}`;
  throw new PropertyViolation('commit within the log', what);
}

/** A leader commits by counting only what is of its own term, and all before it along with it (§5.4.2, figure 8). */
export function checkCommitOfOwnTerm(server: ServerView): void {
  const term = server.termAt(server.commitIndex);
  if (term === undefined || term === server.currentTerm) return;
  const what = `server ${server.id} commits ${server.commitIndex} of term ${term} in term ${server.currentTerm}`;
  throw new PropertyViolation('commit of the own term', what);
}

/** The log's start does not go back. Within a term, a vote stays what it is (§5.2). */
export function checkDelta(
  { id, currentTerm, votedFor, logStart }: ServerView,
  before: Pick<ServerView, 'currentTerm' | 'votedFor' | 'logStart'>,
): void {
  if (logStart.index < before.logStart.index)
    throw new PropertyViolation('monotonic log start', `server ${id} at ${logStart.index}`);
  if (currentTerm !== before.currentTerm || before.votedFor === undefined || votedFor === before.votedFor)
    return;
  const what = `server ${id} votes for ${votedFor} after ${before.votedFor} in term ${currentTerm}`;
  throw new PropertyViolation('one vote a term', what);
}
