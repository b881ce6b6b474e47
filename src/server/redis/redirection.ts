/** Where a Redis client is sent that asks a server which does not lead. */

import { NO_LEADER } from '../../protocol/resp/error-replies.js';
import { hashSlot } from '../../protocol/resp/hash-slot.js';
import { ErrorReply } from '../../protocol/resp/value.js';
import type { ClientAddress } from '../../wire/control.js';

const MOVED = 'MOVED ';

/** The error that sends a client to the leader, or says that no leader is known. */
export function redirection(key: string | undefined, address: ClientAddress | undefined): ErrorReply {
  if (address === undefined) return NO_LEADER;
  return new ErrorReply(`${MOVED}${hashSlot(key ?? '')} ${address.host}:${address.port}`);
}

/** Whether the error sends a client to another server. */
export function isRedirection({ message }: ErrorReply): boolean {
  return message.startsWith(MOVED);
}
