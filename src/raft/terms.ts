/**
 * What a message's term says (§5.1; figure 2, "rules for all servers"): a later term is entered, a message of an earlier one
 * is refused.
 */

import type { Core } from './core.js';
import { respondToVote } from './election.js';
import { refuseStale } from './replication.js';
import { becomeFollowerOfTerm } from './transitions.js';
import type { Message } from './types.js';

/** Enters the message's term if it is a later one and is a term that a server is in, not one that it asks about. */
export function enterLaterTerm(core: Core, message: Message): void {
  if (message.term <= core.currentTerm) return;
  const isOnlyAsked =
    message.type === 'PreVote' || (message.type === 'PreVoteResponse' && message.voteGranted);
  if (!isOnlyAsked) becomeFollowerOfTerm(core, message.term, message.from);
}

/** Tells the sender of a request from an earlier term which term it is by now. */
export function refuseEarlierTerm(core: Core, message: Message): void {
  switch (message.type) {
    case 'RequestVote':
      respondToVote(core, message, { reason: 'old term' });
      return;
    case 'AppendEntries':
    case 'InstallSnapshot':
      refuseStale(core, message.from, message.echo);
      return;
    default:
      return;
  }
}
