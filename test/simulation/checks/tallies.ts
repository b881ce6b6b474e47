/** Whether what was counted up is there, once each. */

import type { Server } from '../../../src/server/server.js';
import { recordsOf } from '../../support/records.js';
import { KvSimulatedClient, TALLY_KEY } from '../client/kv-client.js';

/** Throws PropertyViolation unless the servers, which hold the same, hold what each client counted. */
export function checkTallies(clients: readonly unknown[], [server]: readonly Server[]): void {
  if (server === undefined) return;
  const tally = recordsOf(server.applied.store).find(([key]) => key === TALLY_KEY)?.[1].value;
  for (const client of clients) if (client instanceof KvSimulatedClient) client.checkTally(tally);
}
