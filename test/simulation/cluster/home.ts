/**
 * Where the cluster's data is: in a directory for each server on a disk of its own; or in one for all, of which the main thread
 * has a disk with the description, and each server has one with its own directory, so that disks can fail apart all the same.
 */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import type { ServerId } from '../../../src/raft/types.js';
import { BackupError, restoreBackup, writeBackup } from '../../../src/storage/backup.js';
import type { ClusterDirectory } from '../../../src/storage/cluster-directory.js';
import { DataDirectories } from '../../../src/storage/data-directories.js';
import { DataDirectory } from '../../../src/storage/data-directory.js';
import type { Files } from '../../../src/storage/files.js';
import { makeServerDirectory, type Owner } from '../../../src/storage/server-manifest.js';
import type { SimulatedDisk } from '../world/disk.js';
import { FilesOfDisks } from '../world/files-of-disks.js';
import type { SimulatedThread } from '../world/thread.js';

const DIRECTORY = '/cluster';
const BACKUP = '/backup';
const RESTORED = '/restored';
/** On the disk of a server, where one directory stands for all. */
const OWN_DIRECTORY = '/server';
const OWN_CLUSTER_ID = 'simulated';

export interface HomeOptions {
  /** The main thread's: for backups, and for a directory for all servers. */
  readonly mainDisk: SimulatedDisk;
  /** By server id. */
  readonly serverDisks: readonly SimulatedDisk[];
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
  #isBackingUp = false;

  constructor(options: HomeOptions) {
    this.#options = options;
  }

  /** Whether a process has come up on it: from then on a server may have voted. */
  get isMade(): boolean {
    return this.#clusterId !== undefined;
  }

  /** Whether the server's disk is lost for good. */
  isLost(id: ServerId): boolean {
    return this.#options.serverDisks[id]?.isLost === true;
  }

  /** The server's own directory on its disk. */
  placeOf(serverId: ServerId): { readonly directory: string; readonly owner: Owner } | undefined {
    const directory = this.#options.isApart ? this.#places.get(serverId) : OWN_DIRECTORY;
    const clusterId = this.#options.isApart ? this.#clusterId : OWN_CLUSTER_ID;
    if (directory === undefined || clusterId === undefined) return undefined;
    return { directory, owner: { clusterId, serverId } };
  }

  /** Makes the servers' directories of a cluster that has one for all, on their disks. */
  async prepare(thread: SimulatedThread): Promise<void> {
    if (this.#options.isApart) return;
    const preparing = this.#options.serverDisks.map(async (disk, serverId) => {
      const files = disk.filesOf(thread);
      await makeServerDirectory(files, OWN_DIRECTORY, { clusterId: OWN_CLUSTER_ID, serverId });
      await files.syncDirectory('/');
    });
    await Promise.all(preparing);
  }

  /** A process that has just begun takes the directories. Rejects with DataDirectoryError or PropertyViolation. */
  async open(main: SimulatedThread): Promise<void> {
    // A write that the process before had begun is cut off with it.
    this.#isBackingUp = false;
    this.#places.clear();
    this.#directory = undefined;
    const { serverDisks } = this.#options;
    const lost = serverDisks.flatMap(({ isLost }, id) => (isLost ? [id] : []));
    const directory = await this.#openDirectory(main);
    const { clusterId } = directory;
    this.#clusterId ??= clusterId;
    if (clusterId !== this.#clusterId)
      throw new PropertyViolation('identity', `cluster ${this.#clusterId} has become cluster ${clusterId}`);
    this.#directory = directory;
    if (!this.#options.isApart) return;
    await Promise.all(serverDisks.map((_, id) => this.locate(id)));
    const taken = lost.find((id) => this.#places.has(id));
    if (taken !== undefined)
      throw new PropertyViolation('lost disk', `server ${taken} is started without what it had`);
  }

  /** Looks for the server's directory; false if it cannot be used. */
  async locate(id: ServerId): Promise<boolean> {
    const found = await this.#directory?.locate(id).catch(() => undefined);
    if (found === undefined) return false;
    this.#places.set(id, found.replace(`/${nameOf(id)}`, ''));
    return true;
  }

  #openDirectory(main: SimulatedThread): Promise<ClusterDirectory> {
    const { mainDisk, serverDisks, isApart } = this.#options;
    const { environment } = main;
    const servers = serverDisks.length;
    if (!isApart)
      return DataDirectory.open(DIRECTORY, { servers, environment, files: mainDisk.filesOf(main) });
    const disks = serverDisks.map((disk, id): [string, Files] => [nameOf(id), disk.filesOf(main)]);
    const paths = disks.map(([name]) => `/${name}${DIRECTORY}`);
    return DataDirectories.open(paths, { servers, environment, files: new FilesOfDisks(new Map(disks)) });
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

function nameOf(id: ServerId): string {
  return `disk-${id}`;
}
