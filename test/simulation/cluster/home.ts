/**
 * Where the cluster's data is: in a directory for each server on a disk of its own; or in one for all, of which the main thread
 * has a disk with the description, and each server has one with its own directory, so that disks can fail apart all the same.
 */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { initialConfiguration } from '../../../src/raft/configuration.js';
import type { Member, ServerId, SlotId } from '../../../src/raft/types.js';
import { BackupError, restoreBackup, writeBackup } from '../../../src/storage/backup.js';
import type { ClusterDirectory } from '../../../src/storage/cluster-directory.js';
import { DataDirectories } from '../../../src/storage/data-directories.js';
import { DataDirectory } from '../../../src/storage/data-directory.js';
import type { Files } from '../../../src/storage/files.js';
import type { Owner } from '../../../src/storage/server-manifest.js';
import type { Loss, SimulatedDisk } from '../world/disk.js';
import { FilesOfDisks } from '../world/files-of-disks.js';
import { MountedFiles, type Place } from '../world/mounted-files.js';
import type { SimulatedThread } from '../world/thread.js';

const DIRECTORY = '/cluster';
const BACKUP = '/backup';
const RESTORED = '/restored';
/** The directory of a server in one for all: the server's own disk is mounted there. */
const MOUNTED = new RegExp(`^${DIRECTORY}/server-(\\d+)(/.*)?$`);
const OWN_DIRECTORY = '/';
/** A path on one of several disks: which one, and where there. */
const ON_DISK = /^\/disk-(\d+)(\/.*)$/;
/** Disks have numbers: the servers that a cluster begins with are on those of their identities, later ones on others. */
const FIRST_NEW_DISK = 100;

export interface HomeOptions {
  /** The main thread's: for backups, and for a directory for all servers. */
  readonly mainDisk: SimulatedDisk;
  /** How many servers it begins with. */
  readonly servers: number;
  readonly diskNumbered: (number: number) => SimulatedDisk;
  /** Whether each server has a directory to itself. */
  readonly isApart: boolean;
}

export class ClusterHome {
  readonly #options: HomeOptions;
  /** What a process that came up was told: it must stay. */
  #clusterId: string | undefined;
  /** Where each server's directory is on its disk, as the process that runs knows. */
  readonly #places = new Map<ServerId, string>();
  #directory: ClusterDirectory | undefined;
  /** Disks of servers as the main thread of the process that runs sees them. */
  readonly #mounted = new Map<ServerId, Files>();
  #lastMembers: readonly Member[];
  #isBackingUp = false;
  /** Identities of all servers that there ever were. */
  readonly #given = new Set<ServerId>();
  /** The disks of servers that are not on that of their identity. */
  readonly #diskNumbers = new Map<ServerId, number>();
  #nextDisk = FIRST_NEW_DISK;
  /** Servers whose disks are lost for good. */
  readonly #lost = new Set<ServerId>();
  /** The disks that the command line names. */
  #named: readonly number[];
  #starts = 0;

  constructor(options: HomeOptions) {
    this.#options = options;
    this.#lastMembers = initialConfiguration(options.servers).voters;
    for (const { id } of this.#lastMembers) this.#given.add(id);
    this.#named = this.#lastMembers.map(({ id }) => id);
  }

  /** Whether a process has come up on it: from then on a server may have voted. */
  get isMade(): boolean {
    return this.#clusterId !== undefined;
  }

  /** Whether the server's disk is lost for good. */
  isLost(id: ServerId): boolean {
    return this.#lost.has(id);
  }

  /** Whether the disk of a member is lost for good. */
  get hasLost(): boolean {
    return this.members.some(({ id }) => this.isLost(id));
  }

  /** Loses the server's disk for good, and with it whatever servers it has. */
  lose(id: ServerId, how: Loss): void {
    const disk = this.diskOf(id);
    for (const { id: one } of this.members) if (this.diskOf(one) === disk) this.#lost.add(one);
    disk.lose(how);
  }

  /** The disk that has the server's directory. */
  diskOf(id: ServerId): SimulatedDisk {
    return this.#options.diskNumbered(this.#diskNumberOf(id));
  }

  #diskNumberOf(id: ServerId): number {
    return this.#diskNumbers.get(id) ?? id;
  }

  /** The server's own directory on its disk. */
  placeOf(serverId: ServerId): { readonly directory: string; readonly owner: Owner } | undefined {
    const directory = this.#options.isApart ? this.#places.get(serverId) : OWN_DIRECTORY;
    const clusterId = this.#clusterId;
    if (directory === undefined || clusterId === undefined) return undefined;
    return { directory, owner: { clusterId, serverId } };
  }

  /** The servers that have directories, as the process that runs last wrote. */
  get members(): readonly Member[] {
    if (this.#directory !== undefined) this.#lastMembers = this.#directory.members;
    return this.#lastMembers;
  }

  /**
   * Makes a directory for a new server in this slot, where each has one on a new disk or, as the program does by itself, where that
   * of the server is whose place it takes. Rejects with DataDirectoryError, and with PropertyViolation.
   */
  async add(slot: SlotId, { isOnNewDisk }: { readonly isOnNewDisk: boolean }): Promise<Member> {
    const { directory } = this;
    const replaced = directory.members.find((member) => member.slot === slot);
    const number = isOnNewDisk || replaced === undefined ? this.#newDisk() : this.#diskNumberOf(replaced.id);
    const dataDir = this.#options.isApart && isOnNewDisk ? `/${nameOf(number)}${DIRECTORY}` : undefined;
    const member = await directory.add(slot, dataDir);
    if (this.#given.has(member.id))
      throw new PropertyViolation('identity', `server ${member.id} is given once more, in slot ${slot}`);
    this.#given.add(member.id);
    if (!this.#options.isApart) return member;
    this.#diskNumbers.set(member.id, number);
    await this.locate(member.id);
    if (replaced !== undefined) this.#name(number, this.#diskNumberOf(replaced.id));
    return member;
  }

  #newDisk(): number {
    this.#nextDisk += 1;
    return this.#nextDisk;
  }

  /** From now on the command line names this disk, where it named the other one. */
  #name(number: number, other: number): void {
    this.#named = this.#named.map((named) => (named === other ? number : named));
  }

  /** Removes the directory of a server that is no member. Rejects with DataDirectoryError. */
  async remove(id: ServerId): Promise<void> {
    await this.directory.remove(id);
  }

  /** The directory that the process holds. */
  get directory(): ClusterDirectory {
    if (this.#directory === undefined) throw new RangeError('no process has the directory');
    return this.#directory;
  }

  /** A process that has just begun takes the directories. Rejects with DataDirectoryError or PropertyViolation. */
  async open(main: SimulatedThread): Promise<void> {
    // A write that the process before had begun is cut off with it.
    this.#isBackingUp = false;
    this.#places.clear();
    this.#mounted.clear();
    const lost = this.members.filter(({ id }) => this.isLost(id));
    this.#directory = undefined;
    const directory = await this.#openDirectory(main);
    const { clusterId } = directory;
    this.#clusterId ??= clusterId;
    if (clusterId !== this.#clusterId)
      throw new PropertyViolation('identity', `cluster ${this.#clusterId} has become cluster ${clusterId}`);
    this.#directory = directory;
    if (!this.#options.isApart) return;
    await Promise.all(this.members.map(({ id }) => this.locate(id)));
    const taken = lost.find(({ id }) => this.#places.has(id));
    if (taken !== undefined)
      throw new PropertyViolation('lost disk', `server ${taken.id} is started without what it had`);
  }

  /** Looks for the server's directory; false if it cannot be used. */
  async locate(id: ServerId): Promise<boolean> {
    const found = await this.#directory?.locate(id).catch(() => undefined);
    if (found === undefined) return false;
    const [, number = '', path = ''] = ON_DISK.exec(found) ?? [];
    this.#diskNumbers.set(id, Number(number));
    this.#places.set(id, path);
    return true;
  }

  #openDirectory(main: SimulatedThread): Promise<ClusterDirectory> {
    const { mainDisk, servers, diskNumbered, isApart } = this.#options;
    const { environment } = main;
    if (!isApart) {
      const files = new MountedFiles(mainDisk.filesOf(main), (path) => this.#mountedAt(path, main));
      return DataDirectory.open(DIRECTORY, { servers, isAnySize: true, environment, files });
    }
    const disks = new Map<string, Files>();
    const files = new FilesOfDisks((name) => {
      const [, number = ''] = ON_DISK.exec(`/${name}/`) ?? [];
      const known = disks.get(name) ?? diskNumbered(Number(number)).filesOf(main);
      disks.set(name, known);
      return known;
    });
    const paths = this.#disksToName().map((number) => `/${nameOf(number)}${DIRECTORY}`);
    return DataDirectories.open(paths, { servers, isAnySize: true, environment, files });
  }

  /** As on the command line of before, or where the members are. */
  #disksToName(): readonly number[] {
    this.#starts += 1;
    if (this.#starts % 2 === 1) return this.#named;
    return [...new Set(this.#lastMembers.map(({ id }) => this.#diskNumberOf(id)))];
  }

  /** Where on a server's own disk that is; undefined for what is on the main thread's. */
  #mountedAt(path: string, main: SimulatedThread): Place | undefined {
    const [, id, below = OWN_DIRECTORY] = MOUNTED.exec(path) ?? [];
    if (id === undefined) return undefined;
    return { files: this.#filesOf(Number(id), main), path: below };
  }

  /** The files of a server's disk, as the main thread sees them: the same each time. */
  #filesOf(id: ServerId, main: SimulatedThread): Files {
    let files = this.#mounted.get(id);
    if (files === undefined) {
      files = this.diskOf(id).filesOf(main);
      this.#mounted.set(id, files);
    }
    return files;
  }

  /**
   * Writes a backup, unless another one is being written, and makes a directory of it. Resolves to a line that tells what came
   * of it. Rejects with PropertyViolation if a backup that was written cannot be restored.
   */
  async backup(main: SimulatedThread, pieces: AsyncIterable<Uint8Array>): Promise<string> {
    if (this.#isBackingUp) return 'refused: another is being written';
    this.#isBackingUp = true;
    const files = this.#options.mainDisk.filesOf(main);
    try {
      const written = await writeBackup(BACKUP, pieces, { files });
      await files.removeTree(RESTORED);
      const restored = await restoreBackup(BACKUP, [RESTORED], {
        files,
        servers: 1,
        environment: main.environment,
      });
      if (restored.keys !== written.keys)
        throw new PropertyViolation('backup', `wrote ${written.keys} keys, restored ${restored.keys}`);
      return `${written.keys} keys in ${written.byteLength} bytes`;
    } catch (error) {
      // The leader went away in the midst of it.
      if (error instanceof BackupError && error.cause !== undefined) return error.message;
      throw error;
    } finally {
      this.#isBackingUp = false;
    }
  }
}

function nameOf(disk: number): string {
  return `disk-${disk}`;
}
