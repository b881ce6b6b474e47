/** A backup of a running cluster: one snapshot of its leader, in pieces. */

import { MessageChannel } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { openChannel } from '../channel/port-channel.js';
import { messageOf } from '../error-message.js';
import { BACKUP_CAPACITY } from '../limits.js';
import { ServerGoneError, WrongStateError } from './cluster-errors.js';
import type { Member } from './member.js';

/**
 * Resolves once the leader has begun. The pieces end early when the leader's thread does: writeBackup notices. Rejects
 * with ServerGoneError, or with WrongStateError when the server does not lead.
 */
export async function backupOf(leader: Member): Promise<AsyncIterable<Uint8Array>> {
  const { port1, port2 } = new MessageChannel();
  const { receiver } = openChannel<never, Uint8Array>(port1, { capacity: BACKUP_CAPACITY });
  try {
    await leader.call((control) => control.backup(Comlink.transfer(port2, [port2])));
  } catch (error) {
    port1.close();
    if (error instanceof ServerGoneError) throw error;
    throw new WrongStateError(messageOf(error));
  }
  return receiver;
}
