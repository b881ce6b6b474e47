/** Whether servers that applied the same hold the same. */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import type { Server } from '../../../src/server/server.js';
import { recordsOf } from '../../support/records.js';
import { sessionsOf } from '../../support/sessions.js';

/** Throws PropertyViolation unless all servers are at the same place of the log, with the same records and sessions. */
export function checkReplicas(servers: readonly Server[]): void {
  const [first, ...others] = servers;
  if (first === undefined) return;
  const expected = contentOf(first);
  for (const server of others) {
    const content = contentOf(server);
    if (content === expected) continue;
    const what = `server ${server.raft.id} holds ${content}, and server ${first.raft.id} ${expected}`;
    throw new PropertyViolation('agreement', what);
  }
}

/** All records with versions, deadlines and revisions, in the order of their keys, and all sessions. */
function contentOf({ applied }: Server): string {
  const records = recordsOf(applied.store).map(
    ([key, { value, version, deadlineMs, revision }]) =>
      `${key}=${value}@${version}/${deadlineMs}/${revision}`,
  );
  return [`${applied.position.index}:`, ...records.sort(), ...sessionsOf(applied.store)].join(' ');
}
