/** Makes directories for single servers, and holds them: those of a new cluster, and that of a server which joins one. */

import { join, resolve } from 'node:path';
import type { ServerId } from '../raft/types.js';
import {
  type ClusterDescription,
  firstGenerations,
  firstMembership,
  isBlank,
  lockDirectory,
  type NewDirectoriesOptions,
  newClusterId,
  serverDirectory,
  syncNewNamesAbove,
  takeInventory,
  writeDescription,
} from './cluster-directory.js';
import { asDataDirectoryError, DataDirectoryError, explained, lostManifest } from './data-directory-error.js';
import { isOfRemoved } from './directory-claims.js';
import { type Survey, surveyDirectory } from './directory-survey.js';
import type { FileLock, Files } from './files.js';
import { makeServerDirectory, type Owner } from './server-manifest.js';

/** A directory that this process has locked. */
export interface HeldDirectory {
  readonly path: string;
  readonly lock: FileLock;
  /** Whose directory it says to be. Another one that takes this one's place in it says so once that is gone. */
  serverId: ServerId;
}

/** Puts into a new server's directory what the server is to start with. */
export type Fill = (directory: string, owner: Owner) => Promise<void>;

/** Makes those of a new cluster, in this order of servers. Rejects with DataDirectoryError, or as `fill` does. */
export async function makeDirectories(
  surveys: readonly Survey[],
  { files, environment, servers }: NewDirectoriesOptions,
  fill: Fill | undefined,
): Promise<{ readonly cluster: ClusterDescription; readonly held: ReadonlyMap<ServerId, HeldDirectory> }> {
  for (const survey of surveys) refuseToMake(survey);
  const clusterId = newClusterId(environment);
  const cluster: ClusterDescription = {
    clusterId,
    servers,
    generations: firstGenerations(servers),
    membership: firstMembership(servers),
    places: new Map(surveys.map(({ path }, serverId) => [serverId, resolve(path)])),
    revision: 1,
  };
  const held = new Map<ServerId, HeldDirectory>();
  try {
    for (const [serverId, survey] of surveys.entries()) {
      held.set(serverId, await holdNew(files, survey, { clusterId, serverId }));
      await fill?.(serverDirectory(survey.path, serverId), { clusterId, serverId });
    }
    for (const [serverId, { path }] of held)
      await explained(path, () => writeDescription(files, path, { ...cluster, serverId }));
  } catch (error) {
    for (const { lock } of held.values()) await lock.release();
    throw error;
  }
  return { cluster, held };
}

/**
 * Makes that of a server which joins a cluster. Rejects with DataDirectoryError unless what was used in it was that of a server
 * which was removed from the cluster.
 */
export async function makeDirectory(
  files: Files,
  path: string,
  owner: Owner,
  cluster: ClusterDescription,
): Promise<HeldDirectory> {
  const survey = await explained(path, () => surveyDirectory(files, path));
  try {
    const isOfOther = survey.is === 'described' && !isOfRemoved(survey, cluster);
    if (isOfOther || (survey.is === 'undescribed' && survey.isUsed))
      throw new DataDirectoryError(path, 'is that of another server: name an empty directory');
    refuseToMake(survey);
    return await holdNew(files, survey, owner);
  } catch (error) {
    if ('lock' in survey) await survey.lock.release();
    throw error;
  }
}

/** Throws DataDirectoryError when no new directory may be made of it. */
function refuseToMake(survey: Survey): void {
  if (survey.is === 'unusable') throw asDataDirectoryError(survey.path, survey.error);
  if (survey.is === 'undescribed' && survey.isUsed) throw lostManifest(survey.path);
}

function holdNew(files: Files, survey: Survey, owner: Owner): Promise<HeldDirectory> {
  const { path } = survey;
  return explained(path, async () => {
    const lock = await hold(files, survey);
    try {
      await makeServerDirectory(files, serverDirectory(path, owner.serverId), owner);
      await files.syncDirectory(path);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return { path, lock, serverId: owner.serverId };
  });
}

/** Makes the directory when missing, empties it of what was begun, and has its name survive. */
async function hold(files: Files, survey: Survey): Promise<FileLock> {
  const { path } = survey;
  const topmostMade = await files.makeDirectory(path);
  const lock = 'lock' in survey ? survey.lock : await lockDirectory(files, path);
  try {
    const inventory = await takeInventory(files, path);
    if (!('lock' in survey) && !isBlank(inventory))
      throw new DataDirectoryError(path, 'was just used by another process: start again');
    // One that is there may be forgotten yet: a sync of its name that failed is not made good by another one.
    for (const name of inventory.servers) await files.removeTree(join(path, name));
    await syncNewNamesAbove(files, path, topmostMade);
  } catch (error) {
    if (!('lock' in survey)) await lock.release();
    throw error;
  }
  return lock;
}
