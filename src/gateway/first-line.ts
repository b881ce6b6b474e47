/** What a gateway does with the first line of a client, which tells what the client speaks. */

import type { StreamCheckpoint } from '../protocol/checkpoint.js';
import { startOf } from '../protocol/first-line.js';
import type { ClientSocket } from './client-socket.js';
import type { SharedByConnections } from './connections.js';

/**
 * Where the stream of a client begins that has sent these bytes so far. Undefined while they do not tell what it speaks, and for
 * HTTP, which is not spoken here: such a client is cut off.
 */
export function startOfClient(
  bytes: Uint8Array,
  client: ClientSocket,
  { environment, doorkeeper }: Pick<SharedByConnections, 'environment' | 'doorkeeper'>,
): StreamCheckpoint | undefined {
  const at = startOf(bytes);
  if (at === undefined) {
    client.expectRest(environment);
    return undefined;
  }
  client.gotRest();
  if (at !== 'http') return doorkeeper.admit(at, client);
  client.destroy();
  return undefined;
}
