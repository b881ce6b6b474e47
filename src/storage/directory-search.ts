/** Looks for the directories of a cluster's servers, and tells which server each that cannot be used is of. */

import { resolve } from 'node:path';
import type { ServerId, SlotId } from '../raft/types.js';
import type { ClusterDescription } from './cluster-directory.js';
import { DataDirectoryError, explained } from './data-directory-error.js';
import {
  claimedBy,
  clusterOf,
  isOfRemoved,
  memberOf,
  newestOf,
  ownersIn,
  placesToLookAt,
} from './directory-claims.js';
import { releaseLockOf, type Survey, surveyDirectory } from './directory-survey.js';
import type { Files } from './files.js';
import type { StorageError } from './storage.js';
import { absent, blank, removed, replaced, unusable } from './storage-errors.js';

/** A server's directory that is lost, or cannot be used. */
export interface Lost {
  readonly path: string;
  readonly reason: StorageError;
}

/** What the action makes of the surveys of all paths, and of those that it adds. When it rejects, no directory stays locked. */
export async function withSurveys<T>(
  paths: readonly string[],
  files: Files,
  action: (surveys: Survey[], paths: readonly [string]) => Promise<T>,
): Promise<T> {
  const surveys: Survey[] = [];
  const [first] = paths;
  if (first === undefined) throw new RangeError('no directory is named');
  try {
    for (const path of paths) surveys.push(await explained(path, () => surveyDirectory(files, path)));
    return await action(surveys, [first]);
  } catch (error) {
    for (const survey of surveys) await releaseLockOf(survey);
    throw error;
  }
}

/**
 * The cluster that the directories are of; undefined when they are of none. Where some are not among those that were named, it
 * adds surveys of where they are known to be. Rejects with DataDirectoryError when they contradict each other.
 *
 * @param isGiven whether as many directories as there are servers are meant to be all, as those are that a server is rebuilt in
 */
export async function findSurveys(
  surveys: Survey[],
  files: Files,
  { isGiven }: { readonly isGiven: boolean },
): Promise<(ClusterDescription & { readonly path: string }) | undefined> {
  const namedSurveys = [...surveys];
  while (true) {
    const cluster = clusterOf(surveys);
    if (cluster === undefined) return undefined;
    const { size } = newestOf(cluster);
    const { length: named } = namedSurveys.filter((survey) => !isOfRemoved(survey, cluster));
    const places = placesToLookAt(cluster, surveys, { isGiven: isGiven && named >= size });
    if (places.length === 0) {
      requireFitting(surveys, { named, size }, cluster);
      return cluster;
    }
    for (const place of places) surveys.push(await lookAt(place, cluster, files));
  }
}

/** Of a directory that was not named nothing is wanted but what is of a server of this cluster, or of one that is newer. */
async function lookAt(path: string, cluster: ClusterDescription, files: Files): Promise<Survey> {
  const survey = await surveyDirectory(files, path).catch(
    (error: unknown): Survey => ({ is: 'unusable', path, error, description: undefined }),
  );
  const isUsable =
    survey.is === 'unusable' ||
    ownersIn(survey, cluster).some((id) => cluster.places.get(id) === path) ||
    (claimedBy(survey, cluster) ?? 0) >= cluster.membership.nextId;
  if (isUsable) return survey;
  await releaseLockOf(survey);
  return { is: 'absent', path };
}

/** Throws DataDirectoryError when fewer are named than there are servers, and it is not known where the others are. */
function requireFitting(
  surveys: readonly Survey[],
  { named, size }: { readonly named: number; readonly size: number },
  cluster: ClusterDescription & { readonly path: string },
): void {
  const unplaced = cluster.membership.members.some(
    ({ id }) => !cluster.places.has(id) && !surveys.some((survey) => ownersIn(survey, cluster).includes(id)),
  );
  if (named >= size || !unplaced) return;
  const reason = `is of a cluster of ${size} servers: give --data-dir ${size} times, once for each`;
  throw new DataDirectoryError(cluster.path, reason);
}

/**
 * Whose the lost ones are is known of the others or of where they were, and where several are lost by their order. `leftOut`
 * tells of those that are nobody's.
 */
export function assignLost(
  surveys: readonly Survey[],
  cluster: ClusterDescription,
  held: readonly ServerId[],
): { readonly lost: ReadonlyMap<ServerId, Lost>; readonly leftOut: readonly string[] } {
  const { members } = cluster.membership;
  const free = new Set(members.map(({ id }) => id).filter((id) => !held.includes(id)));
  const lost = new Map<ServerId, Lost>();
  const unused = new Set(surveys);
  const assign = (survey: Survey, id: ServerId) => {
    free.delete(id);
    unused.delete(survey);
    lost.set(id, { path: survey.path, reason: reasonOf(survey, id, cluster) });
  };
  for (const survey of surveys)
    for (const id of ownersIn(survey, cluster)) if (free.has(id)) assign(survey, id);
  for (const id of [...free]) {
    const place = cluster.places.get(id);
    const survey = [...unused].find(({ path }) => place !== undefined && resolve(path) === resolve(place));
    if (survey !== undefined && !isOfRemoved(survey, cluster)) assign(survey, id);
  }
  for (const id of [...free]) {
    const [survey] = unused;
    if (survey !== undefined) assign(survey, id);
  }
  // Two servers of a slot can have had the same place.
  for (const id of [...free]) {
    const path = cluster.places.get(id) ?? surveys[0]?.path ?? '';
    lost.set(id, { path, reason: absent(path, slotOf(id, cluster)) });
  }
  const leftOut = [...unused].map((survey) => {
    const whose = isOfRemoved(survey, cluster) ? 'that of a server that was removed' : 'of no server';
    return `data directory ${survey.path} is ${whose}, and is not used`;
  });
  return { lost, leftOut };
}

/** Why the server cannot use what was found in its place. */
export function reasonOf(survey: Survey, id: ServerId, cluster: ClusterDescription): StorageError {
  const { path } = survey;
  const slot = slotOf(id, cluster);
  if (survey.is === 'unusable') return unusable(path, slot, survey.error);
  if (survey.is === 'absent') return absent(path, slot);
  if (ownersIn(survey, cluster).includes(id)) return replaced(path, slot);
  if (isOfRemoved(survey, cluster)) return removed(path, slot);
  return blank(path, slot);
}

function slotOf(id: ServerId, cluster: ClusterDescription): SlotId {
  return memberOf(id, cluster)?.slot ?? id;
}
