/** Who the members are, and what is about to change, as the cluster's user reads it: by ids. */

import { isJoint, votersOf } from '../raft/configuration.js';
import type { Member as IdentifiedServer, ServerId, SlotId } from '../raft/types.js';
import type { MembersView } from '../wire/control.js';

/** Who the members are. Ids are in rising order. */
export interface Members {
  readonly voters: readonly SlotId[];
  readonly learners: readonly SlotId[];
  readonly change: {
    /** A server that is replaced is in both lists. */
    readonly adding: readonly SlotId[];
    readonly removing: readonly SlotId[];
    /** How much of the log the new server has that has least of it, from 0 to 1. */
    readonly caughtUp: number;
    /** Those without whose answers the change may not go on. */
    readonly waitsFor: readonly SlotId[];
  } | null;
}

/** What a change is to lead to. */
export interface Goal {
  readonly voters: readonly SlotId[];
  /** The one among them that another server takes the place of. */
  readonly replaced: SlotId | undefined;
}

/** The members by what their leader says, and by the goal of the change that is under way. */
export function membersIn(
  { configuration, change }: MembersView,
  goal: Goal | undefined,
  idOf: (identity: ServerId) => SlotId | undefined,
): Members {
  const { voters, outgoing, learners } = configuration;
  const before = isJoint(configuration) ? outgoing : voters;
  const old = slotsOf(before);
  const after = goal?.voters ?? slotsOf(voters);
  const replaced = old.filter((id) => id === goal?.replaced || isAnother(id, before, voters));
  const isChanging = change !== null || isJoint(configuration) || goal !== undefined;
  return {
    voters: old,
    learners: slotsOf(learners),
    change: isChanging
      ? {
          adding: rising([...without(after, old), ...replaced]),
          removing: rising([...without(old, after), ...replaced]),
          caughtUp: change?.caughtUp ?? 0,
          waitsFor: [...new Set((change?.waitsFor ?? []).flatMap((identity) => idOf(identity) ?? []))],
        }
      : null,
  };
}

/**
 * What those say who run while there is no leader: the one whose log is the most up-to-date knows the latest configuration. A
 * change that is half done waits for the members that do not run. Undefined when nobody says anything.
 */
export function viewWithoutLeader(
  views: readonly MembersView[],
  isUp: (identity: ServerId) => boolean,
): MembersView | undefined {
  const [newest] = [...views].sort(({ lastLog: a }, { lastLog: b }) => b.term - a.term || b.index - a.index);
  if (newest === undefined) return undefined;
  const { configuration } = newest;
  const isHalfDone = isJoint(configuration) || configuration.learners.length > 0;
  const waitsFor = votersOf(configuration).flatMap(({ id }) => (isUp(id) ? [] : [id]));
  return { ...newest, change: isHalfDone ? { step: 'deciding', caughtUp: 0, learners: [], waitsFor } : null };
}

/** Whether a slot goes from one server to another. */
function isAnother(
  id: SlotId,
  before: readonly IdentifiedServer[],
  after: readonly IdentifiedServer[],
): boolean {
  const [from, to] = [before, after].map((members) => members.find(({ slot }) => slot === id));
  return from !== undefined && to !== undefined && from.id !== to.id;
}

function slotsOf(members: readonly IdentifiedServer[]): readonly SlotId[] {
  return rising(members.map(({ slot }) => slot));
}

function rising(ids: readonly SlotId[]): readonly SlotId[] {
  return [...ids].sort((a, b) => a - b);
}

function without(ids: readonly SlotId[], others: readonly SlotId[]): readonly SlotId[] {
  return ids.filter((id) => !others.includes(id));
}
