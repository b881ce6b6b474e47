/** Sends a leader's state as it is now to whoever asks for a backup. */

import type { Port } from '../channel/port.js';
import { openChannel, type PortChannel } from '../channel/port-channel.js';
import { type Environment, endOfTurn, sleep } from '../environment.js';
import { BACKUP_CAPACITY, SNAPSHOT_SLICE_BYTES } from '../limits.js';
import type { Raft } from '../raft/raft.js';
import type { ServerId } from '../raft/types.js';
import { SnapshotSource } from '../storage/snapshot-format.js';
import { LEADER_WAIT_MS } from '../time-limits.js';
import type { AppliedState } from './applied-state.js';
import type { Clients } from './clients/clients.js';

/** Another server leads, or none does. */
export class NotLeadingError extends Error {
  readonly code = 'NOT_LEADING';

  constructor(id: ServerId) {
    super(`server ${id} does not lead: try again`);
    this.name = 'NotLeadingError';
  }
}

export interface BackupOptions {
  readonly environment: Environment;
  readonly serverId: ServerId;
  readonly raft: Raft;
  readonly clients: Clients;
  readonly state: AppliedState;
}

/**
 * Sends a snapshot of the state as it is now through the port, and then closes the port. Resolves once it has begun, at
 * the latest after {@link LEADER_WAIT_MS}; rejects with {@link NotLeadingError}.
 */
export async function sendBackup(
  port: Port,
  { environment, serverId, raft, clients, state }: BackupOptions,
): Promise<void> {
  const channel = openChannel<Uint8Array>(port, { capacity: BACKUP_CAPACITY });
  const giveUpAtMs = environment.nowMs() + LEADER_WAIT_MS;
  while (!clients.reads.isCurrent(environment.nowMs())) {
    if (raft.role !== 'leader' || environment.nowMs() > giveUpAtMs) {
      channel.close();
      throw new NotLeadingError(serverId);
    }
    await sleep(environment, 1);
  }
  // Fails when the other end closes: then nobody wants it any more.
  sendSnapshot(new SnapshotSource(state.store.image({ isBackup: true })), channel, environment).catch(
    () => undefined,
  );
}

/** Sends all of a snapshot and closes the channel. Rejects with ChannelClosedError when the other end does not want it. */
async function sendSnapshot(
  source: SnapshotSource,
  channel: PortChannel<Uint8Array>,
  environment: Environment,
): Promise<void> {
  try {
    for (
      let slice = source.next(SNAPSHOT_SLICE_BYTES);
      slice !== undefined;
      slice = source.next(SNAPSHOT_SLICE_BYTES)
    ) {
      await channel.sender.send(slice);
      // Whatever else is due comes first.
      await endOfTurn(environment);
    }
    channel.sender.close();
  } finally {
    source.close();
  }
}
