/**
 * The files of a disk on which other disks are mounted: the mount points are directories of the disk, and what is below one is
 * on another disk, whose root is there as long as the disk is.
 */

import type {
  DataFile,
  FileAccess,
  FileLock,
  Files,
  LogFile,
  LogFileOptions,
  LogMemory,
} from '../../../src/storage/files.js';

const ROOT = '/';

/** Where a path is: on which disk, and there. That of a mount point is the root. */
export interface Place {
  readonly files: Files;
  readonly path: string;
}

export class MountedFiles implements Files {
  readonly #files: Files;
  readonly #placeOf: (path: string) => Place | undefined;

  /** @param placeOf undefined for what is on the disk itself */
  constructor(files: Files, placeOf: (path: string) => Place | undefined) {
    this.#files = files;
    this.#placeOf = placeOf;
  }

  create(path: string): Promise<DataFile> {
    return this.#on(path, (files, there) => files.create(there));
  }

  open(path: string, access: FileAccess): Promise<DataFile> {
    return this.#on(path, (files, there) => files.open(there, access));
  }

  openLog(path: string, options: LogFileOptions): Promise<LogFile> {
    return this.#on(path, (files, there) => files.openLog(there, options));
  }

  logMemory(): LogMemory {
    return this.#files.logMemory();
  }

  read(path: string): Promise<Buffer> {
    return this.#on(path, (files, there) => files.read(there));
  }

  size(path: string): Promise<number> {
    return this.#on(path, (files, there) => files.size(there));
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#on(directory, (files, there) => files.list(there));
  }

  /** Only on the disk itself: a mount point, or another directory. */
  makeDirectory(path: string): Promise<string | undefined> {
    const place = this.#placeOf(path);
    if (place !== undefined && !isMountPoint(place)) throw new RangeError(`${path} is not made here`);
    return this.#files.makeDirectory(path);
  }

  remove(path: string): Promise<void> {
    return this.#on(path, (files, there) => files.remove(there));
  }

  /** The other disk's root stays, empty: the end of the machine may bring the mount point back. */
  async removeTree(path: string): Promise<void> {
    const place = this.#placeOf(path);
    if (place !== undefined && !isMountPoint(place)) return place.files.removeTree(place.path);
    for (const name of place === undefined ? [] : await place.files.list(ROOT))
      await place?.files.removeTree(`${ROOT}${name}`);
    await this.#files.removeTree(path);
  }

  rename(from: string, to: string): Promise<void> {
    const target = this.#placeOf(to);
    return this.#on(from, (files, there) => {
      if (files !== (target?.files ?? this.#files))
        throw new RangeError(`${from} and ${to} are on two disks`);
      return files.rename(there, target?.path ?? to);
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#on(path, (files, there) => files.syncDirectory(there));
  }

  lock(path: string): Promise<FileLock | undefined> {
    return this.#on(path, (files, there) => files.lock(there));
  }

  #on<T>(path: string, action: (files: Files, there: string) => T): T {
    const place = this.#placeOf(path);
    return action(place?.files ?? this.#files, place?.path ?? path);
  }
}

function isMountPoint({ path }: Place): boolean {
  return path === ROOT;
}
