/** Has a leader that is about to stop hand over, so that nobody waits for an election. */

import type { Logger } from 'pino';
import { messageOf } from '../error-message.js';
import type { ServerId } from '../raft/types.js';
import type { ClusterStatus } from './status.js';

interface Led {
  status(): Promise<ClusterStatus>;
  transferLeadership(id: ServerId): Promise<void>;
}

/** Resolves once the server with the longest log but for this one leads, or the log says why not. */
export async function handOver(cluster: Led, id: ServerId, logger: Logger): Promise<void> {
  const { servers } = await cluster.status();
  const others = servers.filter((one) => one.id !== id && one.state === 'running');
  const [successor] = others.sort((a, b) => b.lastIndex - a.lastIndex);
  if (successor === undefined) return;
  await cluster.transferLeadership(successor.id).catch((error: unknown) => {
    logger.warn({ server: id, reason: messageOf(error) }, 'leadership is not handed over');
  });
}
