/**
 * The election restriction (§5.4.1): no vote for a candidate whose log is less up-to-date than this server's. So whoever is
 * elected has all committed entries.
 */

import type { Core } from './core.js';
import type { VoteRefusal } from './trace.js';
import type { PreVote, RequestVote } from './types.js';

/** Why the candidate's log is a reason to refuse it a vote, or a pre-vote; undefined when it is none. */
export function electionRestriction(
  core: Core,
  { lastLogIndex, lastLogTerm }: RequestVote | PreVote,
): VoteRefusal | undefined {
  const isUpToDate = core.log.isUpToDate({ index: lastLogIndex, term: lastLogTerm });
  return isUpToDate ? undefined : { reason: 'log behind' };
}
