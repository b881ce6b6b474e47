/**
 * The networks that a cluster's clients may come from, for tests that must pass on each.
 */

import type { ClusterEnvironment } from '../../src/cluster/cluster-environment.js';
import { NodeNetwork } from '../../src/gateway/node/node-network.js';

/** A network that reads sockets in the documented way, as on a version of Node that lets it read in no other. */
export function slowNetwork(): NodeNetwork {
  return new NodeNetwork(async () => 'a test wants it so');
}

/** Declares the tests twice: with sockets read in the way that this version of Node lets us, and in the documented way. */
export function describeOnEachNetwork(
  title: string,
  declare: (environment: () => ClusterEnvironment) => void,
): void {
  describe(title, () => declare(() => ({})));
  describe(`${title}, whose sockets are read in the documented way`, () =>
    declare(() => ({ network: slowNetwork() })));
}
