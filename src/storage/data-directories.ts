/**
 * The data directories of a cluster, one for each server, so that they can be on disks of their own: the cluster survives the
 * loss of a minority of them.
 *
 * Each says which server's it is, so their order counts only while they are made. All servers' own directories are made before
 * the first manifest is written: so where there is one manifest of the cluster, a directory with nothing in it has lost
 * what it had. Its server may have voted, and is not started.
 */

import { join } from 'node:path';
import { initialConfiguration } from '../raft/configuration.js';
import { majorityOf } from '../raft/quorum.js';
import type { Member, ServerId } from '../raft/types.js';
import {
  type ClusterDirectory,
  type DataDirectoryOptions,
  type Description,
  firstGenerations,
  firstMembership,
  isBlank,
  lockDirectory,
  type NewDirectoriesOptions,
  newClusterId,
  readDescription,
  replaceServerDirectory,
  serverDirectory,
  syncNamesAbove,
  takeInventory,
  writeDescription,
} from './cluster-directory.js';
import {
  asDataDirectoryError,
  DataDirectoryError,
  explained,
  lostManifest,
  otherSize,
} from './data-directory-error.js';
import { type ClusterIdentity, clusterOf, isReplaced, ownerIn } from './directory-claims.js';
import { releaseLockOf, type Survey, surveyDirectory } from './directory-survey.js';
import type { FileLock, Files } from './files.js';
import { makeServerDirectory, type Owner } from './server-manifest.js';
import type { StorageError } from './storage.js';
import { absent, blank, replaced, unusable } from './storage-errors.js';
import { messageOf, systemCodeOf } from './system-errors.js';

interface Held {
  readonly path: string;
  readonly lock: FileLock;
}

interface Lost {
  readonly path: string;
  readonly reason: StorageError;
}

/** Puts into a new server's directory what the server is to start with. */
export type Fill = (directory: string, owner: Owner) => Promise<void>;

export class DataDirectories implements ClusterDirectory {
  readonly clusterId: string;
  readonly servers: number;
  readonly #files: Files;
  readonly #held: Map<ServerId, Held>;
  readonly #lost = new Map<ServerId, Lost>();
  #generations: readonly number[];
  /** One search for lost directories at a time: it locks them. */
  #searching: Promise<unknown> = Promise.resolve();

  private constructor(
    { clusterId, servers, generations }: ClusterIdentity,
    held: ReadonlyMap<ServerId, Held>,
    files: Files,
  ) {
    this.clusterId = clusterId;
    this.servers = servers;
    this.#generations = generations;
    this.#held = new Map(held);
    this.#files = files;
  }

  /**
   * Opens the directories, one for each server, and holds them until {@link close} or the end of the process. New ones are made
   * in this order; of a cluster that is there a minority may be lost. Rejects with DataDirectoryError.
   */
  static open(
    paths: readonly string[],
    { servers, ...options }: NewDirectoriesOptions,
  ): Promise<DataDirectories> {
    return withSurveys(paths, options.files, async (surveys) => {
      const cluster = clusterOf(surveys);
      if (cluster === undefined) return DataDirectories.#make(surveys, { servers, ...options });
      if (cluster.servers !== servers) throw otherSize(cluster.path, cluster.servers);
      const directories = await DataDirectories.#take(surveys, cluster, options.files);
      await directories.#requireMajority();
      return directories;
    });
  }

  /** The same for a cluster that is there already, whatever is lost of it. Rejects with DataDirectoryError. */
  static openExisting(
    paths: readonly string[],
    { files }: Pick<DataDirectoryOptions, 'files'>,
  ): Promise<DataDirectories> {
    return withSurveys(paths, files, async (surveys, [first]) => {
      const cluster = clusterOf(surveys);
      if (cluster === undefined)
        throw new DataDirectoryError(first, 'holds no cluster: name the directories of one');
      return DataDirectories.#take(surveys, cluster, files);
    });
  }

  /** Makes those of a new cluster, each with what `fill` puts into it. Rejects with DataDirectoryError, or as `fill` does. */
  static make(
    paths: readonly string[],
    options: NewDirectoriesOptions,
    fill: Fill,
  ): Promise<DataDirectories> {
    return withSurveys(paths, options.files, (surveys) => DataDirectories.#make(surveys, options, fill));
  }

  static async #make(
    surveys: readonly Survey[],
    { files, environment, servers }: NewDirectoriesOptions,
    fill?: Fill,
  ): Promise<DataDirectories> {
    for (const survey of surveys) refuseToMake(survey);
    const cluster = { clusterId: newClusterId(environment), servers, generations: firstGenerations(servers) };
    const { clusterId } = cluster;
    const held = new Map<ServerId, Held>();
    try {
      for (const [serverId, survey] of surveys.entries()) {
        const { path } = survey;
        await explained(path, async () => {
          held.set(serverId, await hold(files, survey));
          const directory = serverDirectory(path, serverId);
          await makeServerDirectory(files, directory, { clusterId, serverId });
          await files.syncDirectory(path);
        });
        await fill?.(serverDirectory(path, serverId), { clusterId, serverId });
      }
      for (const [serverId, { path }] of held)
        await explained(path, () =>
          writeDescription(files, path, { ...cluster, membership: firstMembership(servers), serverId }),
        );
    } catch (error) {
      for (const { lock } of held.values()) await lock.release();
      throw error;
    }
    return new DataDirectories(cluster, held, files);
  }

  static async #take(
    surveys: readonly Survey[],
    cluster: ClusterIdentity,
    files: Files,
  ): Promise<DataDirectories> {
    const directories = new DataDirectories(cluster, new Map(), files);
    const lost: Survey[] = [];
    for (const survey of surveys) {
      const failed = await directories.#tryToHold(survey);
      if (failed !== undefined) lost.push(failed);
    }
    directories.#assignLost(lost);
    return directories;
  }

  get members(): readonly Member[] {
    return initialConfiguration(this.servers).voters;
  }

  add(): Promise<Member> {
    return Promise.reject(this.#fixed());
  }

  remove(): Promise<void> {
    return Promise.reject(this.#fixed());
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  async locate(id: ServerId): Promise<string> {
    if (!this.#held.has(id)) {
      const searching = this.#searching.then(() => this.#search(id));
      this.#searching = searching.catch(() => undefined);
      await searching;
    }
    return serverDirectory(this.#pathOf(id), id);
  }

  async replace(id: ServerId, make: (directory: string) => Promise<void>): Promise<void> {
    const path = this.#pathOf(id);
    const files = this.#files;
    const known = this.#held.get(id);
    const { lock, topmostMade } = await explained(path, async () => {
      if (known !== undefined) return { lock: known.lock, topmostMade: undefined };
      const made = await files.makeDirectory(path);
      await takeInventory(files, path);
      return { lock: await lockDirectory(files, path), topmostMade: made };
    });
    try {
      await explained(path, () => this.#refuseOthers(path, id));
      await replaceServerDirectory(files, serverDirectory(path, id), async (directory) => {
        await make(directory);
        // From here on the old one is not used any more, wherever its disk is now.
        await this.#beginGeneration(id);
      });
      await explained(path, async () => {
        if (known === undefined) await syncNamesAbove(files, path, topmostMade);
        await writeDescription(files, path, { ...this.#described, serverId: id });
      });
    } catch (error) {
      if (known === undefined) await lock.release();
      throw error;
    }
    this.#lost.delete(id);
    this.#held.set(id, { path, lock });
  }

  async close(): Promise<void> {
    await this.#searching;
    for (const { lock } of this.#held.values()) await lock.release();
    this.#held.clear();
  }

  #fixed(): DataDirectoryError {
    const [{ path } = { path: '' }] = this.#held.values();
    return new DataDirectoryError(path, 'is of one server: members change where all share a directory');
  }

  get #identity(): ClusterIdentity {
    return { clusterId: this.clusterId, servers: this.servers, generations: this.#generations };
  }

  get #described(): Omit<Description, 'serverId'> {
    return { ...this.#identity, membership: firstMembership(this.servers) };
  }

  #pathOf(id: ServerId): string {
    const place = this.#held.get(id) ?? this.#lost.get(id);
    if (place === undefined) throw new RangeError(`there is no server ${id}`);
    return place.path;
  }

  /** Holds the directory if it is a server's of this cluster and can be written. Resolves to what it is otherwise. */
  async #tryToHold(survey: Survey): Promise<Survey | undefined> {
    const owner = ownerIn(survey, this.#identity);
    if (owner === undefined || !('lock' in survey) || isReplaced(survey, owner, this.#identity)) {
      await releaseLockOf(survey);
      return survey;
    }
    const { path, lock } = survey;
    const description = { ...this.#described, serverId: owner };
    try {
      // What was read may be forgotten yet: the process may have ended before the sync, or the sync have failed.
      await writeDescription(this.#files, path, description);
    } catch (error) {
      await lock.release();
      return { is: 'unusable', path, error, description };
    }
    this.#held.set(owner, { path, lock });
    return undefined;
  }

  /** Whose the lost ones are is known of the others, and where several are lost by their order. */
  #assignLost(surveys: readonly Survey[]): void {
    const ids = Array.from({ length: this.servers }, (_, id) => id);
    const free = new Set(ids.filter((id) => !this.#held.has(id)));
    const assign = (survey: Survey, id: ServerId) => {
      free.delete(id);
      this.#lost.set(id, { path: survey.path, reason: this.#reasonOf(survey, id) });
    };
    const unknown: Survey[] = [];
    for (const survey of surveys) {
      const owner = ownerIn(survey, this.#identity);
      if (owner === undefined || !free.has(owner)) unknown.push(survey);
      else assign(survey, owner);
    }
    for (const [place, id] of [...free].entries()) {
      const survey = unknown[place];
      if (survey !== undefined) assign(survey, id);
    }
  }

  /** Looks for the server's directory where it is supposed to be, then in place of other lost ones. */
  async #search(id: ServerId): Promise<void> {
    if (this.#held.has(id)) return;
    const own = this.#lost.get(id);
    if (own === undefined) throw new RangeError(`there is no server ${id}`);
    const others = [...this.#lost].filter(([other]) => other !== id);
    let { reason } = own;
    for (const [other, { path }] of [[id, own] as const, ...others]) {
      const survey = await explained(path, () => surveyDirectory(this.#files, path));
      if (ownerIn(survey, this.#identity) !== id) {
        await releaseLockOf(survey);
        if (other === id) reason = this.#reasonOf(survey, id);
        continue;
      }
      const failed = await this.#tryToHold(survey);
      if (failed === undefined) {
        this.#lost.delete(id);
        if (other !== id) this.#lost.set(other, own);
        return;
      }
      reason = this.#reasonOf(failed, id);
    }
    this.#lost.set(id, { path: own.path, reason });
    throw reason;
  }

  /** Has the directories of all other servers say that this one's is replaced. Rejects with DataDirectoryError. */
  async #beginGeneration(id: ServerId): Promise<void> {
    const generations = this.#generations.map((generation, other) => generation + (other === id ? 1 : 0));
    for (const [serverId, { path }] of this.#held) {
      if (serverId === id) continue;
      const description = { ...this.#described, generations, serverId };
      await explained(path, () => writeDescription(this.#files, path, description));
    }
    this.#generations = generations;
  }

  /** Rejects with DataDirectoryError when another server, or another cluster, has used the directory meanwhile. */
  async #refuseOthers(path: string, id: ServerId): Promise<void> {
    const found = await readDescription(this.#files, path).catch(() => undefined);
    if (found === undefined || (found.clusterId === this.clusterId && found.serverId === id)) return;
    throw new DataDirectoryError(path, 'is that of another server: name an empty directory');
  }

  /** Why the server cannot use what was found in its place. */
  #reasonOf(survey: Survey, id: ServerId): StorageError {
    const { path } = survey;
    if (survey.is === 'unusable') return unusable(path, id, survey.error);
    if (survey.is === 'absent') return absent(path, id);
    if (ownerIn(survey, this.#identity) === id) return replaced(path, id);
    return blank(path, id);
  }

  async #requireMajority(): Promise<void> {
    const needed = majorityOf(this.servers);
    if (this.#held.size >= needed) return;
    await this.close();
    const [first, ...rest] = [...this.#lost.values()];
    if (first === undefined) return;
    const state = first.reason.code === 'DISK_MISSING' ? 'is lost' : `cannot be used (${causeOf(first)})`;
    const more = rest.length === 0 ? '' : `, and so are ${rest.map(({ path }) => path).join(', ')}`;
    const advice = 'bring back their disks, or restore a backup to new directories with "threadraft restore"';
    const reason = `${state}${more}: of the directories of ${this.servers} servers ${needed} are needed: ${advice}`;
    throw new DataDirectoryError(first.path, reason, { cause: first.reason });
  }
}

/** What the action makes of the surveys of all paths. When it rejects, no directory stays locked. */
async function withSurveys<T>(
  paths: readonly string[],
  files: Files,
  action: (surveys: readonly Survey[], paths: readonly [string]) => Promise<T>,
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

/** Throws DataDirectoryError when no new cluster may be made of the directory. */
function refuseToMake(survey: Survey): void {
  if (survey.is === 'unusable') throw asDataDirectoryError(survey.path, survey.error);
  if (survey.is === 'undescribed' && survey.isUsed) throw lostManifest(survey.path);
}

/** Makes the directory when missing, empties it of what was begun, and has its name survive. */
async function hold(files: Files, survey: Survey): Promise<Held> {
  const { path } = survey;
  const topmostMade = await files.makeDirectory(path);
  const lock = 'lock' in survey ? survey.lock : await lockDirectory(files, path);
  try {
    const inventory = await takeInventory(files, path);
    if (!('lock' in survey) && !isBlank(inventory))
      throw new DataDirectoryError(path, 'was just used by another process: start again');
    // A directory that is there may be forgotten yet: a sync of its name that failed is not made good by another sync.
    for (const name of inventory.servers) await files.removeTree(join(path, name));
    await syncNamesAbove(files, path, topmostMade);
  } catch (error) {
    if (!('lock' in survey)) await lock.release();
    throw error;
  }
  return { path, lock };
}

function causeOf({ reason }: Lost): string {
  return systemCodeOf(reason.cause) ?? messageOf(reason.cause);
}
