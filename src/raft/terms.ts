/**
 * What a message's term says (§5.1; figure 2, "rules for all servers"): a later term is entered, a message of an earlier one
 * is refused.
 */

import type { Core } from './core.js';
import { respondOnceVoteIsDurable } from './election.js';
import { refuseStale } from './log-matching.js';
import { becomeFollowerOfTerm } from './transitions.js';
import type { Message } from './types.js';

/**
 * Enters the message's term if it is later, and steps down to follower in it. A pre-vote carries the term that the sender would
 * campaign in; nobody enters it.
 */
export function stepDownOnLaterTerm(core: Core, message: Message): void {
  if (message.term <= core.currentTerm) return;
  const isOnlyAsked =
    message.type === 'PreVote' || (message.type === 'PreVoteResponse' && message.voteGranted);
  if (!isOnlyAsked) becomeFollowerOfTerm(core, message.term, message.from);
}

/** Tells the sender of a request from an earlier term which term it is by now. */
export function refuseEarlierTerm(core: Core, message: Message): void {
  switch (message.type) {
    case 'RequestVote':
      respondOnceVoteIsDurable(core, message, { reason: 'old term' });
      return;
    case 'AppendEntries':
    case 'InstallSnapshot':
      refuseStale(core, message.from, message.echo);
      return;
    default:
      return;
  }
}
