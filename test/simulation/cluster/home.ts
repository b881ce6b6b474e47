/**
 * What the main thread keeps on a disk of its own: the cluster's data directory, which says who it is, and backups. (Each
 * server has its directory on a disk of its own, so that disks can fail apart.)
 */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { BackupError, restoreBackup, writeBackup } from '../../../src/storage/backup.js';
import { DataDirectory } from '../../../src/storage/data-directory.js';
import type { SimulatedDisk } from '../world/disk.js';
import type { SimulatedThread } from '../world/thread.js';

const DIRECTORY = '/cluster';
const BACKUP = '/backup';
const RESTORED = '/restored';

export class ClusterHome {
  readonly #disk: SimulatedDisk;
  readonly #servers: number;
  /** What a process that came up was told: it must stay. */
  #clusterId: string | undefined;
  #isBackingUp = false;

  constructor(disk: SimulatedDisk, servers: number) {
    this.#disk = disk;
    this.#servers = servers;
  }

  /** A process that has just begun takes the directory. Rejects with DataDirectoryError or PropertyViolation. */
  async open(main: SimulatedThread): Promise<void> {
    // A write that the process before had begun is cut off with it.
    this.#isBackingUp = false;
    const { environment } = main;
    const files = this.#disk.filesOf(main);
    const { clusterId } = await DataDirectory.open(DIRECTORY, {
      servers: this.#servers,
      environment,
      files,
    });
    this.#clusterId ??= clusterId;
    if (clusterId !== this.#clusterId)
      throw new PropertyViolation('identity', `cluster ${this.#clusterId} has become cluster ${clusterId}`);
  }

  /**
   * Writes a backup, unless another one is being written, and makes a directory of it. Resolves to a line that tells what came
   * of it. Rejects with PropertyViolation if a backup that was written cannot be restored.
   */
  async backup(main: SimulatedThread, pieces: AsyncIterable<Uint8Array>): Promise<string> {
    if (this.#isBackingUp) return 'refused: another is being written';
    this.#isBackingUp = true;
    const files = this.#disk.filesOf(main);
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
