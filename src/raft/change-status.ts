/** How far a change of members has got, for those who watch: what the leader knows of it. */

import { idOf, membersOf } from './configuration.js';
import type { Core } from './core.js';
import type { Progress } from './progress.js';
import type { Leader } from './roles.js';
import type { LogIndex, ServerId } from './types.js';

/** A new server that does not vote yet, and how much of the log it has, from 0 to 1. */
export interface LearnerStatus {
  readonly id: ServerId;
  readonly caughtUp: number;
}

export interface ChangeStatus {
  /**
   * `learning`: new servers catch up. `deciding`: C_old,new, or C_new, is not committed yet. `giving up`: nor is what takes the
   * change back.
   */
  readonly step: 'learning' | 'deciding' | 'giving up';
  /** How much of the log the new server has that has least of it: from 0 to 1, and 1 where nobody learns. */
  readonly caughtUp: number;
  readonly learners: readonly LearnerStatus[];
  /** Servers that are learners, or may not have the configuration in force: the change waits for enough of them. */
  readonly waitsFor: readonly ServerId[];
}

/** Undefined while no change is under way. */
export function changeStatus(core: Core, role: Leader): ChangeStatus | undefined {
  const { index, configuration } = core.log.configurations.latest;
  const { change, progress } = role;
  if (change.state === 'none' && core.commitIndex >= index) return undefined;
  const learners = configuration.learners.map(({ id }) => ({
    id,
    caughtUp: partOf(progress.get(id), core.log.lastIndex),
  }));
  const isLearning = change.state === 'learning';
  const waitsFor = isLearning
    ? change.catchUp.lagging
    : membersOf(configuration)
        .map(idOf)
        .filter((id) => id !== core.id && (progress.get(id)?.matchIndex ?? 0) < index);
  const step = change.state === 'none' ? 'deciding' : change.state;
  return { step, caughtUp: Math.min(1, ...learners.map(({ caughtUp }) => caughtUp)), learners, waitsFor };
}

/** The part of a log up to `lastIndex` that a follower has; a snapshot on its way counts by its bytes. */
function partOf(progress: Progress | undefined, lastIndex: LogIndex): number {
  if (progress === undefined) return 0;
  const { matchIndex, state } = progress;
  if (state.name !== 'snapshot') return matchIndex / lastIndex;
  const { snapshot, receivedBytes } = state;
  return (snapshot.index * receivedBytes) / snapshot.byteLength / lastIndex;
}
