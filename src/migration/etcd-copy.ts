/**
 * A verified copy of the keys in etcd as of one of its revisions, in a file of a folder. The folder outlives a kill, so that a
 * copy is gone on with, or is not made again.
 */

import { join } from 'node:path';
import type { Environment } from '../environment.js';
import { lockDirectory } from '../storage/cluster-directory.js';
import type { FileLock, Files } from '../storage/files.js';
import { BackupSource } from './backup-source.js';
import type { Source } from './ends.js';
import { revisionIn } from './etcd-source.js';
import { FileTarget } from './file-target.js';
import { fieldsIn, writeFields } from './mark.js';
import { type MigrateOptions, migrate } from './migrate.js';
import { BeginAnewError } from './migration-errors.js';

const FORMAT = 1;

export interface EtcdCopyOptions extends Omit<MigrateOptions, 'target'> {
  readonly files: Files;
  readonly environment: Environment;
  readonly folder: string;
}

export interface Copied {
  readonly source: Source;
  /** etcd's. */
  readonly revision: bigint;
}

export class EtcdCopy {
  readonly #options: EtcdCopyOptions;
  readonly #lock: FileLock;

  private constructor(options: EtcdCopyOptions, lock: FileLock) {
    this.#options = options;
    this.#lock = lock;
  }

  /** Rejects with DataDirectoryError where another process has the folder. */
  static async open(options: EtcdCopyOptions): Promise<EtcdCopy> {
    await options.files.makeDirectory(options.folder);
    return new EtcdCopy(options, await lockDirectory(options.files, options.folder));
  }

  /** The copy that is there, if etcd still has what has changed since; or a new one. Rejects as {@link migrate} does. */
  async get(): Promise<Copied> {
    const { files, say } = this.#options;
    const isWhole = (await files.list(this.#options.folder)).includes('copy');
    if (isWhole) {
      const found = await this.#find().catch((error: unknown) => {
        if (!(error instanceof BeginAnewError)) throw error;
        say(error.message);
        return undefined;
      });
      if (found !== undefined) return found;
      await files.remove(this.#path);
    }
    await this.#make();
    const made = await this.#find();
    if (made === undefined) throw new TypeError('a copy that was made is not there');
    return made;
  }

  /** The copy is of no use any more. */
  async forget(): Promise<void> {
    await this.#options.files.remove(this.#path);
  }

  /** Nothing is left of it. */
  async remove(): Promise<void> {
    await this.close();
    await this.#options.files.removeTree(this.#options.folder);
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }

  get #path(): string {
    return join(this.#options.folder, 'copy');
  }

  get #markPath(): string {
    return join(this.#options.folder, 'mark');
  }

  async #make(): Promise<void> {
    const { files, environment, openSource } = this.#options;
    const target = new FileTarget({ type: 'backup', path: this.#path }, { files, environment });
    try {
      await migrate({
        ...this.#options,
        target,
        openSource: async (identity) => {
          const source = await openSource(identity);
          await writeFields(files, this.#markPath, { format: FORMAT, source: source.identity });
          return source;
        },
      });
    } finally {
      await target.close();
    }
  }

  /** Undefined where it is of another etcd, or prefix. Rejects with CompactedError, or BackupError. */
  async #find(): Promise<Copied | undefined> {
    const { files, environment, openSource } = this.#options;
    const fields = fieldsIn((await files.read(this.#markPath)).toString());
    const identity = fields.get('source');
    if (fields.get('format') !== FORMAT || typeof identity !== 'string') return undefined;
    const now = await openSource(identity);
    await now.close();
    if (now.identity !== identity) return undefined;
    return {
      source: await BackupSource.open(this.#path, { files, environment }),
      revision: revisionIn(identity),
    };
  }
}
