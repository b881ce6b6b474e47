/** The network that a cluster's clients come from. */

import type { Logger } from 'pino';
import { NodeNetwork } from '../gateway/node/node-network.js';

/** The operating system's; the log tells if this version of Node makes it slower. */
export function clientNetwork(logger: Logger, network = new NodeNetwork()): NodeNetwork {
  network.whySlow.then((reason) => {
    if (reason !== undefined)
      logger.warn({ reason, node: process.version }, 'client sockets are read in a slower way');
  });
  return network;
}
