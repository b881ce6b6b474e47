/** Which cluster several data directories are of, and which server each is of: what they say must go together. */

import type { ServerId } from '../raft/types.js';
import type { Description } from './cluster-directory.js';
import { DataDirectoryError } from './data-directory-error.js';
import type { Survey } from './directory-survey.js';

export interface ClusterIdentity {
  readonly clusterId: string;
  readonly servers: number;
  /** How often each server's directory was replaced, by its id, as far as any directory tells. */
  readonly generations: readonly number[];
}

/**
 * The cluster that the directories are of, and one that says so; undefined when none says anything. Throws DataDirectoryError
 * when they contradict each other.
 */
export function clusterOf(
  surveys: readonly Survey[],
): (ClusterIdentity & { readonly path: string }) | undefined {
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
  if (first.servers !== surveys.length) {
    const reason = `is of a cluster of ${first.servers} servers: give --data-dir ${first.servers} times, once for each`;
    throw new DataDirectoryError(first.path, reason);
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
  const generations = first.generations.map((_, id) =>
    Math.max(...described.map((one) => one.generations[id] ?? 0)),
  );
  return { ...first, generations };
}

/** The server of this cluster whose directory it is; undefined when it does not say so, or is another cluster's. */
export function ownerIn(survey: Survey, { clusterId, servers }: ClusterIdentity): ServerId | undefined {
  const claim = claimIn(survey);
  return claim?.clusterId === clusterId && claim.serverId < servers ? claim.serverId : undefined;
}

/** Whether the server's directory was replaced by another one since. One without a description does not tell. */
export function isReplaced(survey: Survey, id: ServerId, { generations }: ClusterIdentity): boolean {
  return (descriptionIn(survey)?.generations[id] ?? 0) < (generations[id] ?? 0);
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
