/**
 * A backup, or the data directories of a new cluster, as the target of a migration. Beside it, in a folder `<name>.migration`, a
 * backup grows, and a mark says how far it is. Once it is whole it gets its name, or directories are made of it.
 */

import { dirname, join } from 'node:path';
import type { Environment } from '../environment.js';
import { RECORDS_PER_MARK } from '../migration-limits.js';
import { imageEnd, imageHead, imageRecords } from '../state-machine/image-writer.js';
import { emptyUnfinished, refuseUsed, restoreBackup } from '../storage/backup.js';
import { lockDirectory } from '../storage/cluster-directory.js';
import type { FileLock, Files } from '../storage/files.js';
import { PartialFile } from '../storage/partial-file.js';
import { readSnapshotFile } from '../storage/snapshot-files.js';
import { SnapshotSums } from '../storage/snapshot-format.js';
import { DirectorySource } from './directory-source.js';
import { type Found, type Position, type ReadBack, type Source, START, type Target } from './ends.js';
import { recordsOfImage } from './image-source.js';
import { type Mark, readMark, writeMark } from './mark.js';
import { MigrationError } from './migration-errors.js';
import type { MigratedRecord } from './record.js';

interface World {
  readonly files: Files;
  readonly environment: Environment;
}

/** What is made: a file, or the directory of all servers or one for each. */
export type Made =
  | { readonly type: 'backup'; readonly path: string }
  | { readonly type: 'directory'; readonly paths: readonly string[]; readonly servers: number };

export class FileTarget implements Target {
  readonly #made: Made;
  readonly #world: World;
  /** The folder beside it. */
  readonly #folder: string;
  #lock: FileLock | undefined;
  #mark: Mark | undefined;
  #file: PartialFile | undefined;
  #sums = new SnapshotSums();
  #source = '';
  #position: Position = START;
  #unmarked = 0;

  constructor(made: Made, world: World) {
    this.#made = made;
    this.#world = world;
    const [first = ''] = made.type === 'backup' ? [made.path] : made.paths;
    this.#folder = `${first.replace(/\/+$/, '')}.migration`;
  }

  async find(): Promise<Found> {
    const { files } = this.#world;
    await files.makeDirectory(this.#folder);
    this.#lock ??= await lockDirectory(files, this.#folder);
    this.#mark = await readMark(files, this.#markPath);
    if (this.#mark === undefined) {
      await this.#refuseUsed();
      return { state: 'nothing' };
    }
    const { source, position } = this.#mark;
    return { state: 'begun', source, position };
  }

  async begin(source: Source, position: Position): Promise<void> {
    const { files } = this.#world;
    this.#source = source.identity;
    this.#position = position;
    if (this.#mark === undefined || position.records === 0) {
      this.#file = await PartialFile.create(files, this.#imagePath, { fsync: true });
      this.#sums = new SnapshotSums();
      await this.#file.write(this.#sums.header());
      await this.#file.write(this.#sums.image(imageHead(source.head)));
      await this.#setMark();
      return;
    }
    const { byteLength, crc } = this.#mark;
    this.#file = await PartialFile.reopen(files, this.#imagePath, { fsync: true, byteLength });
    this.#sums = new SnapshotSums(crc);
  }

  async clear(): Promise<void> {
    const { files } = this.#world;
    await this.#file?.close();
    this.#mark = undefined;
    await files.remove(this.#markPath);
    await files.remove(this.#imagePath);
  }

  async write(records: readonly MigratedRecord[]): Promise<void> {
    const last = records.at(-1);
    if (last === undefined) return;
    await this.#open.write(this.#sums.image(imageRecords(records)));
    this.#position = { records: this.#position.records + records.length, lastKey: last.key };
    this.#unmarked += records.length;
    if (this.#unmarked >= RECORDS_PER_MARK) await this.#setMark();
  }

  async complete(): Promise<void> {
    await this.#setMark();
    const file = this.#open;
    await file.write(this.#sums.image(imageEnd(this.#position.records)));
    await file.write(this.#sums.trailer());
    await file.settle();
    await file.close();
    const size = await this.#world.files.size(this.#imagePath);
    if (size !== file.byteLength)
      throw new MigrationError(
        `${this.#imagePath} has ${size} bytes, not ${file.byteLength}: remove ${this.#folder}`,
      );
    if (this.#made.type === 'directory') await this.#restore(this.#made);
  }

  /** All of it counts: a store removes what is past its deadline by itself. */
  async readBack(): Promise<ReadBack> {
    return { asOfMs: undefined, records: this.#records() };
  }

  async finish(): Promise<void> {
    const { files } = this.#world;
    if (this.#made.type === 'backup') {
      await files.rename(this.#imagePath, this.#made.path);
      await files.syncDirectory(dirname(this.#made.path));
    }
    await this.#lock?.release();
    await files.removeTree(this.#folder);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    // Nothing was begun there.
    if (this.#lock !== undefined && this.#mark === undefined)
      await this.#world.files.removeTree(this.#folder);
    await this.#lock?.release();
  }

  get #imagePath(): string {
    return join(this.#folder, 'image');
  }

  get #markPath(): string {
    return join(this.#folder, 'mark');
  }

  get #open(): PartialFile {
    if (this.#file === undefined) throw new TypeError('the target was not begun');
    return this.#file;
  }

  /** What was written counts after a kill. */
  async #setMark(): Promise<void> {
    const file = this.#open;
    await file.settle();
    const { byteLength } = file;
    this.#mark = { source: this.#source, position: this.#position, byteLength, crc: this.#sums.crc };
    await writeMark(this.#world.files, this.#markPath, this.#mark);
    this.#unmarked = 0;
  }

  async #refuseUsed(): Promise<void> {
    const { files } = this.#world;
    if (this.#made.type === 'directory') {
      for (const path of this.#made.paths) await refuseUsed(path, files);
      return;
    }
    const { path } = this.#made;
    const isThere = await files.size(path).then(
      () => true,
      () => false,
    );
    if (isThere) throw new MigrationError(`${path} is there already: name a new file`);
  }

  /** Makes the directories, unless that was done before a kill. */
  async #restore({ paths, servers }: Extract<Made, { type: 'directory' }>): Promise<void> {
    const { files } = this.#world;
    if (await emptyUnfinished(paths, files)) return;
    await restoreBackup(this.#imagePath, paths, { ...this.#world, servers });
  }

  async *#records(): AsyncGenerator<readonly MigratedRecord[]> {
    if (this.#made.type === 'backup') {
      yield* recordsOfImage(readSnapshotFile(this.#world.files, this.#imagePath), this.#world.environment);
      return;
    }
    const made = await DirectorySource.open(this.#made.paths, this.#world);
    try {
      yield* made.read(START);
    } finally {
      await made.close();
    }
  }
}
