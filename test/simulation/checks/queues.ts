/** Whether queues keep to their limits. */

import { LINK_CAPACITY, MAX_PENDING_COMMANDS, TRAFFIC_CAPACITY } from '../../../src/limits.js';
import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import type { Server } from '../../../src/server/server.js';
import type { Temperament } from '../temperament.js';

/**
 * Throws PropertyViolation when a queue is longer than it may be; `at rest` all of them are empty.
 *
 * @param temperament of the cluster: what any of its servers has sent may still wait, be it down now
 */
export function checkQueues(
  servers: readonly Server[],
  { servers: serverCount, trafficCapacity }: Pick<Temperament, 'servers' | 'trafficCapacity'>,
  when: 'at any time' | 'at rest',
): void {
  const others = serverCount - 1;
  for (const server of servers) {
    const { pendingCommands, queues } = server.view.waiting;
    const limits = { traffic: trafficCapacity, peers: LINK_CAPACITY * others, replies: TRAFFIC_CAPACITY };
    check('pending commands', pendingCommands, when === 'at rest' ? 0 : MAX_PENDING_COMMANDS);
    check('traffic', queues.traffic, when === 'at rest' ? 0 : limits.traffic);
    check('replies', queues.replies, when === 'at rest' ? 0 : limits.replies);
    // Heartbeats never end.
    check('peers', queues.peers, limits.peers);
  }
}

function check(queue: string, length: number, limit: number): void {
  if (length > limit)
    throw new PropertyViolation('bounded queues', `${queue}: ${length}, where ${limit} is the limit`);
}
