/** The network that a cluster's clients come from, and how many of them it takes. */

import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import {
  DESCRIPTORS_OF_PROCESS,
  DESCRIPTORS_OF_SERVER,
  MAX_ADMIN_CONNECTIONS,
  MAX_CONNECTIONS,
} from '../connection-limits.js';
import { type ConnectionLimit, NodeNetwork } from '../gateway/node/node-network.js';
import type { TlsIdentity } from '../gateway/node/tls-identity.js';
import { REFUSALS_LINE_MS } from '../time-limits.js';

export interface ClientRoom {
  /** How many servers there are. */
  readonly servers: () => number;
  /** How many clients there are to be at most. */
  readonly maxConnections: number;
}

/**
 * The operating system's, which has room for as many clients as `servers` leave. The log tells if this version of Node makes it
 * slower, and of clients that are refused.
 */
export function clientNetwork(
  logger: Logger,
  { servers, maxConnections }: ClientRoom,
  tls?: TlsIdentity,
  network = new NodeNetwork(undefined, limitOf(logger, servers, maxConnections), tls),
): NodeNetwork {
  network.whySlow.then((reason) => {
    if (reason !== undefined)
      logger.warn({ reason, node: process.version }, 'client sockets are read in a slower way');
  });
  return network;
}

/**
 * How many clients a process may have that can open `descriptors` files, at least one: what its servers and the rest of it need
 * is kept back, so that clients never cost a server its disk.
 */
export function maxConnectionsOf(descriptors: number, servers: number, wanted = MAX_CONNECTIONS): number {
  const kept = DESCRIPTORS_OF_PROCESS + MAX_ADMIN_CONNECTIONS + servers * DESCRIPTORS_OF_SERVER;
  return Math.max(1, Math.min(wanted, descriptors - kept));
}

/** How many clients there is room for, which may be fewer than are wanted. */
export function clientRoom(servers: number, wanted: number): number {
  return maxConnectionsOf(descriptorLimit(), servers, wanted);
}

function limitOf(logger: Logger, servers: () => number, wanted: number): ConnectionLimit {
  const descriptors = descriptorLimit();
  const maxConnections = () => maxConnectionsOf(descriptors, servers(), wanted);
  let refused = 0;
  let loggedAtMs = Number.NEGATIVE_INFINITY;
  const onRefused = () => {
    refused += 1;
    const nowMs = performance.now();
    if (nowMs < loggedAtMs + REFUSALS_LINE_MS) return;
    loggedAtMs = nowMs;
    logger.warn({ refused, maxConnections: maxConnections() }, 'clients are refused: too many are connected');
    refused = 0;
  };
  return {
    get maxConnections() {
      return maxConnections();
    },
    onRefused,
  };
}

/** How many files this process may open, where the operating system tells; Node has raised it as far as it may. */
function descriptorLimit(): number {
  try {
    const [, soft = ''] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === '' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
