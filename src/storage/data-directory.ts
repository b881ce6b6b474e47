/**
 * The data directory of a cluster: whom it belongs to, and what it was made for.
 *
 * `manifest` in it describes the cluster. `lock` is locked for as long as the process that opened the directory lives, however
 * that ends, so one directory never serves two processes. `server-<id>/` is one server's own: it has no lock, since the
 * process that has this one starts a server's thread only once the one before has ended.
 */

import { join } from 'node:path';
import type { Member, ServerId, SlotId } from '../raft/types.js';
import {
  type ClusterDirectory,
  type DataDirectoryOptions,
  type Description,
  firstGenerations,
  firstMembership,
  holdsCluster,
  identityIn,
  isUsed,
  lockDirectory,
  type Membership,
  type NewDirectoriesOptions,
  newClusterId,
  readDescription,
  replaceServerDirectory,
  serverDirectory,
  syncNewNamesAbove,
  takeInventory,
  writeDescription,
} from './cluster-directory.js';
import { DataDirectoryError, explained, lostManifest, otherSize } from './data-directory-error.js';
import type { FileLock, Files } from './files.js';
import { MANIFEST_NAME } from './manifest.js';
import { makeServerDirectory } from './server-manifest.js';

export class DataDirectory implements ClusterDirectory {
  readonly path: string;
  readonly leftOut: readonly string[] = [];
  readonly #files: Files;
  readonly #lock: FileLock;
  #description: Description;

  private constructor(
    path: string,
    description: Description,
    { files, lock }: { readonly files: Files; readonly lock: FileLock },
  ) {
    this.path = path;
    this.#description = description;
    this.#files = files;
    this.#lock = lock;
  }

  /**
   * Opens the directory, made when missing, for a cluster of this many servers, and holds it until {@link close} or the
   * end of the process. Rejects with DataDirectoryError, also when the cluster there has another size, unless any will do.
   */
  static open(
    path: string,
    { servers, isAnySize = false, ...options }: NewDirectoriesOptions,
  ): Promise<DataDirectory> {
    return explained(path, async () => {
      const topmostMade = await options.files.makeDirectory(path);
      return DataDirectory.#open(path, options, async () => {
        const found = await readAgain(path, options);
        if (found === undefined) {
          await syncNewNamesAbove(options.files, path, topmostMade);
          return describe(path, servers, options);
        }
        const { size } = found.membership;
        if (size !== servers && !isAnySize) throw otherSize(path, size);
        await removeLeftovers(path, found, options);
        return found;
      });
    });
  }

  /** The same for a cluster that is there already, whatever its size. Rejects with DataDirectoryError. */
  static openExisting(path: string, options: DataDirectoryOptions): Promise<DataDirectory> {
    return explained(path, async () => {
      if (!holdsCluster(await options.files.list(path)))
        throw new DataDirectoryError(path, 'holds no cluster: name the directory of one');
      return DataDirectory.#open(path, options, async () => {
        const found = await readAgain(path, options);
        if (found === undefined) throw lostManifest(path);
        return found;
      });
    });
  }

  /** Removes the directory with its content, if it belongs to a cluster. Rejects while a process has it. */
  static async removeAbandoned(path: string, { files }: Pick<DataDirectoryOptions, 'files'>): Promise<void> {
    // A process has had the lock before it writes the manifest.
    if (!(await files.list(path)).includes(MANIFEST_NAME)) return;
    const lock = await lockDirectory(files, path);
    try {
      await files.removeTree(path);
    } finally {
      await lock.release();
    }
  }

  static async #open(
    path: string,
    { files }: DataDirectoryOptions,
    descriptionOf: () => Promise<Description>,
  ): Promise<DataDirectory> {
    await takeInventory(files, path);
    const lock = await lockDirectory(files, path);
    try {
      return new DataDirectory(path, await descriptionOf(), { files, lock });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get clusterId(): string {
    return this.#description.clusterId;
  }

  get servers(): number {
    return this.#description.servers;
  }

  get members(): readonly Member[] {
    return this.#description.membership.members;
  }

  /** Where the server keeps log, votes and snapshots. */
  serverDirectory(id: ServerId): string {
    return serverDirectory(this.path, id);
  }

  async locate(id: ServerId): Promise<string> {
    return this.serverDirectory(id);
  }

  replace(id: ServerId, make: (directory: string) => Promise<void>): Promise<void> {
    return replaceServerDirectory(this.#files, this.serverDirectory(id), make);
  }

  add(slot: SlotId, dataDir?: string): Promise<Member> {
    return explained(this.path, async () => {
      if (dataDir !== undefined)
        throw new DataDirectoryError(
          this.path,
          `is that of all servers: ${dataDir} can be one of them only where each was given its own, by --data-dir`,
        );
      const { nextId, members } = this.#description.membership;
      const member = { id: nextId, slot };
      // Written before it is used: whatever becomes of this server, no other one gets its identity.
      await this.#rewrite({ nextId: nextId + 1 });
      const directory = this.serverDirectory(member.id);
      await this.#files.removeTree(directory);
      await makeServerDirectory(this.#files, directory, { clusterId: this.clusterId, serverId: member.id });
      await this.#files.syncDirectory(this.path);
      await this.#rewrite({ members: [...members, member].sort((a, b) => a.slot - b.slot) });
      return member;
    });
  }

  remove(id: ServerId): Promise<void> {
    return explained(this.path, async () => {
      await this.#rewrite({ members: this.members.filter((member) => member.id !== id) });
      await this.#files.removeTree(this.serverDirectory(id));
    });
  }

  settle(size: number): Promise<void> {
    if (this.#description.membership.size === size) return Promise.resolve();
    return explained(this.path, () => this.#rewrite({ size }));
  }

  async #rewrite(change: Partial<Membership>): Promise<void> {
    const { membership } = this.#description;
    const description = { ...this.#description, membership: { ...membership, ...change } };
    await writeDescription(this.#files, this.path, description);
    this.#description = description;
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }
}

/**
 * Makes a new cluster of the directory. Its manifest comes last: without it, nobody has used the directories of the servers,
 * or it was lost.
 */
async function describe(
  path: string,
  servers: number,
  { files, environment }: DataDirectoryOptions,
): Promise<Description> {
  for (const name of (await takeInventory(files, path)).servers) {
    if (await isUsed(files, join(path, name))) throw lostManifest(path);
  }
  const clusterId = newClusterId(environment);
  const generations = firstGenerations(servers);
  const membership = firstMembership(servers);
  const own = { serverId: undefined, generations, places: new Map(), revision: 0 };
  const description = { clusterId, servers, membership, ...own };
  for (let serverId = 0; serverId < servers; serverId += 1) {
    const directory = serverDirectory(path, serverId);
    // A directory that is there may be forgotten yet: a sync of its name that failed is not made good by another sync.
    await files.removeTree(directory);
    await makeServerDirectory(files, directory, { clusterId, serverId });
  }
  await files.syncDirectory(path);
  await writeDescription(files, path, description);
  return description;
}

/** Removes what is left of servers that were removed, or never were members. */
async function removeLeftovers(
  path: string,
  { membership: { members, nextId } }: Description,
  { files }: DataDirectoryOptions,
): Promise<void> {
  const kept = members.map(({ id }) => id);
  for (const name of (await takeInventory(files, path)).servers) {
    const id = identityIn(name);
    if (id < nextId && !kept.includes(id)) await files.removeTree(join(path, name));
  }
}

/** What the directory says of its cluster, written anew; undefined when it says nothing yet. */
async function readAgain(path: string, { files }: DataDirectoryOptions): Promise<Description | undefined> {
  const description = await readDescription(files, path);
  if (description === undefined) return undefined;
  const { serverId, servers } = description;
  if (serverId !== undefined) {
    const reason = `is that of server ${serverId} alone: give --data-dir ${servers} times, once for each server`;
    throw new DataDirectoryError(path, reason);
  }
  // It may be forgotten yet: the process may have ended before the sync, or the sync have failed.
  await writeDescription(files, path, description);
  return description;
}
