/** Which cluster several data directories are of, and which servers each is of: what they say must go together. */

import { resolve } from 'node:path';
import type { Member, ServerId, SlotId } from '../raft/types.js';
import type { ClusterDescription, Description } from './cluster-directory.js';
import { DataDirectoryError } from './data-directory-error.js';
import type { Survey } from './directory-survey.js';

/**
 * The cluster that the directories are of, as the newest of them says, and one that says so; undefined when none says anything.
 * Throws DataDirectoryError when they contradict each other.
 */
export function clusterOf(
  surveys: readonly Survey[],
): (ClusterDescription & { readonly path: string }) | undefined {
  const described = surveys.flatMap((survey) => {
    const description = descriptionIn(survey);
    return description === undefined ? [] : [{ path: survey.path, ...description }];
  });
  const [first] = described;
  if (first === undefined) return undefined;
  for (const { path, serverId, servers } of described) {
    if (serverId !== undefined) continue;
    const reason = `holds all ${servers} servers of a cluster: give --data-dir once, with this directory`;
    throw new DataDirectoryError(path, reason);
  }
  const owners = new Map<ServerId, string>();
  for (const survey of surveys) {
    const claim = claimIn(survey);
    if (claim === undefined) continue;
    if (claim.clusterId !== first.clusterId) throw ofAnotherCluster(survey.path, first.path);
    const other = owners.get(claim.serverId);
    if (other !== undefined) throw ofSameServer(survey.path, other, claim.serverId);
    owners.set(claim.serverId, survey.path);
  }
  const newest = described.reduce((best, one) => (one.revision > best.revision ? one : best));
  const length = Math.max(...described.map(({ generations }) => generations.length));
  const generations = Array.from({ length }, (_, id) =>
    Math.max(...described.map((one) => one.generations[id] ?? 0)),
  );
  return { ...newest, generations };
}

/** The identity whose directory it says to be; undefined when it does not say so, or is another cluster's. */
export function claimedBy(survey: Survey, { clusterId }: ClusterDescription): ServerId | undefined {
  const claim = claimIn(survey);
  return claim?.clusterId === clusterId ? claim.serverId : undefined;
}

/** Whether it is of this cluster, and of an identity that is no member. */
export function isOfRemoved(survey: Survey, cluster: ClusterDescription): boolean {
  const claimed = claimedBy(survey, cluster);
  return claimed !== undefined && memberOf(claimed, cluster) === undefined;
}

/** The members of this cluster whose directories are in it: two while one replaces the other in its place. */
export function ownersIn(survey: Survey, cluster: ClusterDescription): readonly ServerId[] {
  const claimed = claimedBy(survey, cluster);
  if (claimed === undefined) return [];
  const found = survey.is === 'described' ? survey.servers : [];
  return [...new Set([claimed, ...found])].filter((id) => memberOf(id, cluster) !== undefined);
}

/** Whether the server's directory was rebuilt since, elsewhere. */
export function isReplaced(survey: Survey, id: ServerId, { generations }: ClusterDescription): boolean {
  return (descriptionIn(survey)?.generations[id] ?? 0) < (generations[id] ?? 0);
}

/**
 * Where else members may have their directories that no survey is of: where they are known to have had them.
 *
 * @param isGiven whether the directories that were named are to be those of all: then only those of servers that replace others
 * are looked for
 */
export function placesToLookAt(
  cluster: ClusterDescription,
  surveys: readonly Survey[],
  { isGiven }: { readonly isGiven: boolean },
): readonly string[] {
  const { members } = cluster.membership;
  const claimed = new Set(surveys.flatMap((survey) => ownersIn(survey, cluster)));
  const known = surveys.map(({ path }) => resolve(path));
  return members.flatMap(({ id, slot }) => {
    const place = cluster.places.get(id);
    const isDoubled = members.some((other) => other.slot === slot && other.id !== id);
    const isWanted = !claimed.has(id) && (!isGiven || isDoubled);
    return place !== undefined && isWanted && !known.includes(resolve(place)) ? [place] : [];
  });
}

export function memberOf(id: ServerId, { membership }: ClusterDescription): Member | undefined {
  return membership.members.find((member) => member.id === id);
}

/** The newest server of each slot. */
export function newestOf({ membership }: ClusterDescription): ReadonlyMap<SlotId, ServerId> {
  return new Map([...membership.members].sort((a, b) => a.id - b.id).map(({ id, slot }) => [slot, id]));
}

function descriptionIn(survey: Survey): Description | undefined {
  return survey.is === 'described' || survey.is === 'unusable' ? survey.description : undefined;
}

/** Whose it says that it is, by the manifest in it or by that of the server's own directory. */
function claimIn(survey: Survey): { readonly clusterId: string; readonly serverId: ServerId } | undefined {
  if (survey.is === 'undescribed') return survey.owner;
  const description = descriptionIn(survey);
  if (description?.serverId === undefined) return undefined;
  return { clusterId: description.clusterId, serverId: description.serverId };
}

function ofAnotherCluster(path: string, other: string): DataDirectoryError {
  const reason = `is of another cluster than ${other}: give --data-dir the directories of one cluster`;
  return new DataDirectoryError(path, reason);
}

function ofSameServer(path: string, other: string, id: ServerId): DataDirectoryError {
  const reason = `is that of server ${id}, and so is ${other}: name a missing or empty directory in place of the older one`;
  return new DataDirectoryError(path, reason);
}
