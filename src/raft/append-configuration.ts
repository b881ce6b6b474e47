/**
 * How a leader appends a configuration, which is in force at once (thesis 4.1), and whom it replicates to: everybody in the
 * configuration that is committed and in all after it, so that also those who are to leave hear of it.
 */

import { idOf, membersOf } from './configuration.js';
import type { Core } from './core.js';
import { Progress } from './progress.js';
import type { Leader } from './roles.js';
import type { Members } from './types.js';

const NO_PAYLOAD = new Uint8Array(0);

/** From now on these are the members. It leaves at the end of the turn, to new members, too. */
export function appendConfiguration(core: Core, role: Leader, members: Members): void {
  const { log, currentTerm: term, nowMs } = core;
  const ids = membersOf(members).map(idOf);
  const nextId = Math.max(core.configuration.nextId, ...ids.map((id) => id + 1));
  const configuration = { ...members, nextId };
  log.append({ index: log.lastIndex + 1, term, payload: NO_PAYLOAD, configuration });
  for (const id of ids) {
    if (id === core.id || role.progress.has(id)) continue;
    const progress = new Progress(log.lastIndex, nowMs);
    progress.probe(log.lastIndex);
    role.progress.set(id, progress);
  }
}

/** Replicates no more to those who are in no configuration that is or may come to be in force. */
export function forgetRemoved(core: Core, role: Leader): void {
  const { peers } = core;
  for (const id of role.progress.keys()) if (!peers.has(id)) role.progress.delete(id);
}
