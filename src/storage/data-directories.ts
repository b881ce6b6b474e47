/**
 * The data directories of a cluster, one for each server, so that they can be on disks of their own: the cluster survives the
 * loss of a minority of them.
 *
 * Each says which server's it is, so their order counts only while they are made. All servers' own directories are made before
 * the first manifest is written: so where there is one manifest of the cluster, a directory with nothing in it has lost
 * what it had. Its server may have voted, and is not started.
 *
 * Each also says who the members are and where their directories are. What is written of that is written to those of a majority,
 * and a start needs those of a majority: so it finds what was written last.
 */

import { basename, dirname, join, resolve } from 'node:path';
import { majorityOf } from '../raft/quorum.js';
import type { Member, ServerId, SlotId } from '../raft/types.js';
import {
  type ClusterDescription,
  type ClusterDirectory,
  type DataDirectoryOptions,
  lockDirectory,
  type NewDirectoriesOptions,
  readDescription,
  replaceServerDirectory,
  serverDirectory,
  syncNamesAbove,
  takeInventory,
  writeDescription,
} from './cluster-directory.js';
import { DataDirectoryError, explained, otherSize, tooFewDirectories } from './data-directory-error.js';
import { isReplaced, memberOf, newestOf, ownersIn } from './directory-claims.js';
import { assignLost, findSurveys, type Lost, reasonOf, withSurveys } from './directory-search.js';
import { releaseLockOf, type Survey, surveyDirectory } from './directory-survey.js';
import type { Files } from './files.js';
import { type Fill, type HeldDirectory, makeDirectories, makeDirectory } from './new-directories.js';
import { makeServerDirectory } from './server-manifest.js';

export class DataDirectories implements ClusterDirectory {
  readonly #files: Files;
  /** Two servers have the same one while one replaces the other in its place. */
  readonly #held = new Map<ServerId, HeldDirectory>();
  readonly #lost = new Map<ServerId, Lost>();
  #cluster: ClusterDescription;
  #leftOut: readonly string[] = [];
  /** One search for lost directories at a time: it locks them. */
  #searching: Promise<unknown> = Promise.resolve();

  private constructor(cluster: ClusterDescription, files: Files) {
    this.#cluster = cluster;
    this.#files = files;
  }

  /**
   * Opens the directories, one for each server, and holds them until {@link close} or the end of the process. New ones are made
   * in this order; of a cluster that is there a minority may be lost, and those that are not named are where they were. Rejects
   * with DataDirectoryError.
   */
  static open(
    paths: readonly string[],
    { isAnySize = false, ...options }: NewDirectoriesOptions,
  ): Promise<DataDirectories> {
    const { files, servers } = options;
    return withSurveys(paths, files, async (surveys) => {
      const cluster = await findSurveys(surveys, files, { isGiven: false });
      if (cluster === undefined) return DataDirectories.#make(surveys, options);
      const { size } = cluster.membership;
      if (size !== servers && !isAnySize) throw otherSize(cluster.path, size);
      const directories = await DataDirectories.#take(surveys, cluster, files);
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
      const cluster = await findSurveys(surveys, files, { isGiven: true });
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
    options: NewDirectoriesOptions,
    fill?: Fill,
  ): Promise<DataDirectories> {
    const { cluster, held } = await makeDirectories(surveys, options, fill);
    const directories = new DataDirectories(cluster, options.files);
    for (const [id, directory] of held) directories.#held.set(id, directory);
    return directories;
  }

  static async #take(
    surveys: readonly Survey[],
    cluster: ClusterDescription,
    files: Files,
  ): Promise<DataDirectories> {
    const directories = new DataDirectories(cluster, files);
    const notHeld: Survey[] = [];
    for (const survey of surveys) {
      const failed = await directories.#tryToHold(survey);
      if (failed !== undefined) notHeld.push(failed);
    }
    const { lost, leftOut } = assignLost(notHeld, cluster, [...directories.#held.keys()]);
    for (const [id, one] of lost) directories.#lost.set(id, one);
    directories.#leftOut = leftOut;
    return directories;
  }

  get clusterId(): string {
    return this.#cluster.clusterId;
  }

  get servers(): number {
    return this.#cluster.servers;
  }

  get members(): readonly Member[] {
    return this.#cluster.membership.members;
  }

  get leftOut(): readonly string[] {
    return this.#leftOut;
  }

  async add(slot: SlotId, dataDir?: string): Promise<Member> {
    const { membership, places, clusterId } = this.#cluster;
    const id = membership.nextId;
    const path = dataDir === undefined ? this.#placeFor(slot, id) : resolve(dataDir);
    // Written before it is used: whatever becomes of this server, no other one gets its identity.
    await this.#rewrite({ membership: { ...membership, nextId: id + 1 } });
    const owner = { clusterId, serverId: id };
    const there = [...this.#held.values()].find((one) => resolve(one.path) === resolve(path));
    if (there !== undefined && !this.#isOfSlot(there, slot))
      throw new DataDirectoryError(path, 'is that of another server: name an empty directory');
    const held = there ?? (await makeDirectory(this.#files, path, owner, this.#cluster));
    try {
      if (there !== undefined) await this.#makeBeside(there, owner.serverId);
      this.#held.set(id, held);
      const members = [...membership.members, { id, slot }].sort((a, b) => a.slot - b.slot || a.id - b.id);
      await this.#rewrite({
        membership: { ...membership, nextId: id + 1, members },
        places: new Map([...places, [id, resolve(path)]]),
      });
    } catch (error) {
      this.#held.delete(id);
      if (there === undefined) await held.lock.release();
      throw error;
    }
    return { id, slot };
  }

  async remove(id: ServerId): Promise<void> {
    const { membership, places } = this.#cluster;
    const held = this.#held.get(id);
    const other = held && this.members.find((one) => one.id !== id && this.#held.get(one.id) === held);
    if (held?.serverId === id && other !== undefined) held.serverId = other.id;
    await this.#rewrite({
      membership: { ...membership, members: membership.members.filter((member) => member.id !== id) },
      places: new Map([...places].filter(([one]) => one !== id)),
    });
    this.#held.delete(id);
    this.#lost.delete(id);
    if (held === undefined) return;
    // Where that fails, nobody uses it all the same: its identity is no member.
    const removal = this.#files.removeTree(serverDirectory(held.path, id));
    const isRemoved = await removal.then(
      () => true,
      () => false,
    );
    if (other !== undefined) return;
    // Its manifest stays: it leads a later start, which may name this directory alone, on to the members.
    const released = held.lock.release();
    // A disk that does not answer is not waited for.
    if (isRemoved) await released;
    else released.catch(() => undefined);
  }

  async settle(size: number): Promise<void> {
    const { membership } = this.#cluster;
    if (membership.size !== size) await this.#rewrite({ membership: { ...membership, size } });
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
        await writeDescription(files, path, { ...this.#cluster, serverId: known?.serverId ?? id });
      });
    } catch (error) {
      if (known === undefined) await lock.release();
      throw error;
    }
    this.#lost.delete(id);
    this.#held.set(id, known ?? { path, lock, serverId: id });
  }

  async close(): Promise<void> {
    await this.#searching;
    for (const { lock } of this.#held.values()) await lock.release();
    this.#held.clear();
  }

  /** Where a server goes whose directory is not named: where another one of its slot is, else beside the first. */
  #placeFor(slot: SlotId, id: ServerId): string {
    const other = this.members.find((member) => member.slot === slot);
    if (other !== undefined) return this.#pathOf(other.id);
    const [first] = this.members;
    if (first === undefined) throw new RangeError('there are no members');
    const path = resolve(this.#pathOf(first.id));
    return join(dirname(path), `${basename(path)}-server-${id}`);
  }

  #isOfSlot(held: HeldDirectory, slot: SlotId): boolean {
    return this.members.some((member) => member.slot === slot && this.#held.get(member.id) === held);
  }

  #makeBeside({ path }: HeldDirectory, serverId: ServerId): Promise<void> {
    return explained(path, async () => {
      const directory = serverDirectory(path, serverId);
      await this.#files.removeTree(directory);
      await makeServerDirectory(this.#files, directory, { clusterId: this.clusterId, serverId });
      await this.#files.syncDirectory(path);
    });
  }

  /**
   * Writes the change to all directories. Rejects with DataDirectoryError unless it is in those of most servers, of which the
   * newest of each slot counts; then a start may find it or not.
   */
  async #rewrite(change: Partial<ClusterDescription>): Promise<void> {
    const revision = this.#cluster.revision + 1;
    const cluster = { ...this.#cluster, ...change, revision };
    // Whatever comes of it, the next one is told from it.
    this.#cluster = { ...this.#cluster, revision };
    let failure: { readonly path: string; readonly error: unknown } | undefined;
    const written = new Set<HeldDirectory>();
    for (const held of new Set(this.#held.values())) {
      const { path, serverId } = held;
      try {
        await writeDescription(this.#files, path, { ...cluster, serverId });
        written.add(held);
      } catch (error) {
        failure = { path, error };
      }
    }
    const counted = [...newestOf(this.#cluster).values()].map((id) => this.#held.get(id));
    const { length: count } = counted.filter((held) => held !== undefined && written.has(held));
    if (count < majorityOf(counted.length)) {
      const [{ path = '' } = {}] = this.#held.values();
      await explained(failure?.path ?? path, () => {
        throw failure?.error ?? new DataDirectoryError(path, 'is one of too few that are left');
      });
    }
    this.#cluster = cluster;
  }

  #pathOf(id: ServerId): string {
    const place = this.#held.get(id) ?? this.#lost.get(id);
    if (place === undefined) throw new RangeError(`there is no server ${id}`);
    return place.path;
  }

  /** Holds the directory if it is one of this cluster and can be written. Resolves to what it is otherwise. */
  async #tryToHold(survey: Survey): Promise<Survey | undefined> {
    const owners = ownersIn(survey, this.#cluster).filter((id) => !isReplaced(survey, id, this.#cluster));
    const [first] = owners;
    if (first === undefined || !('lock' in survey)) {
      await releaseLockOf(survey);
      return survey;
    }
    const { path, lock } = survey;
    const description = { ...this.#cluster, serverId: first };
    try {
      // What was read may be forgotten yet: the process may have ended before the sync, or the sync have failed.
      await writeDescription(this.#files, path, description);
      await this.#removeLeftovers(survey);
    } catch (error) {
      await lock.release();
      return { is: 'unusable', path, error, description };
    }
    const held = { path, lock, serverId: first };
    for (const id of owners) this.#held.set(id, held);
    return undefined;
  }

  /** Removes what is left in it of servers that are no members. */
  async #removeLeftovers(survey: Survey): Promise<void> {
    if (survey.is !== 'described') return;
    for (const id of survey.servers)
      if (memberOf(id, this.#cluster) === undefined && id < this.#cluster.membership.nextId)
        await this.#files.removeTree(serverDirectory(survey.path, id));
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
      if (!ownersIn(survey, this.#cluster).includes(id)) {
        await releaseLockOf(survey);
        if (other === id) reason = reasonOf(survey, id, this.#cluster);
        continue;
      }
      const failed = await this.#tryToHold(survey);
      if (failed === undefined && this.#held.has(id)) {
        this.#lost.delete(id);
        if (other !== id) this.#lost.set(other, own);
        return;
      }
      if (failed !== undefined) reason = reasonOf(failed, id, this.#cluster);
    }
    this.#lost.set(id, { path: own.path, reason });
    throw reason;
  }

  /** Has the directories of all other servers say that this one's is replaced. Rejects with DataDirectoryError. */
  async #beginGeneration(id: ServerId): Promise<void> {
    const { revision, generations: before, membership } = this.#cluster;
    const generations = Array.from(
      { length: Math.max(before.length, membership.nextId) },
      (_, other) => (before[other] ?? 0) + (other === id ? 1 : 0),
    );
    const cluster = { ...this.#cluster, generations, revision: revision + 1 };
    const own = this.#held.get(id);
    for (const held of new Set(this.#held.values())) {
      const { path, serverId } = held;
      if (held !== own)
        await explained(path, () => writeDescription(this.#files, path, { ...cluster, serverId }));
    }
    this.#cluster = cluster;
  }

  /** Rejects with DataDirectoryError when another server, or another cluster, has used the directory meanwhile. */
  async #refuseOthers(path: string, id: ServerId): Promise<void> {
    const found = await readDescription(this.#files, path).catch(() => undefined);
    if (found === undefined || (found.clusterId === this.clusterId && found.serverId === id)) return;
    throw new DataDirectoryError(path, 'is that of another server: name an empty directory');
  }

  async #requireMajority(): Promise<void> {
    const newest = [...newestOf(this.#cluster).values()];
    const needed = majorityOf(newest.length);
    if (newest.filter((id) => this.#held.has(id)).length >= needed) return;
    await this.close();
    const [first, ...rest] = newest.flatMap((id) => this.#lost.get(id) ?? []);
    if (first === undefined) return;
    throw tooFewDirectories(first, rest, { servers: newest.length, needed });
  }
}
