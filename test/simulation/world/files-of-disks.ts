/** Several simulated disks as one file system: the first name of a path is that of a disk, which is mounted there. */

import type {
  DataFile,
  FileAccess,
  FileLock,
  Files,
  LogFile,
  LogFileOptions,
  LogMemory,
} from '../../../src/storage/files.js';

/** Where a path is: on which disk, and there. */
interface Place {
  readonly files: Files;
  readonly mount: string;
  readonly path: string;
}

export class FilesOfDisks implements Files {
  readonly #diskNamed: (name: string) => Files | undefined;

  /** @param diskNamed what a disk has; undefined where there is no disk of this name */
  constructor(diskNamed: (name: string) => Files | undefined) {
    this.#diskNamed = diskNamed;
  }

  create(path: string): Promise<DataFile> {
    const place = this.#placeOf(path);
    return place.files.create(place.path);
  }

  open(path: string, access: FileAccess): Promise<DataFile> {
    const place = this.#placeOf(path);
    return place.files.open(place.path, access);
  }

  openLog(path: string, options: LogFileOptions): Promise<LogFile> {
    const place = this.#placeOf(path);
    return place.files.openLog(place.path, options);
  }

  logMemory(): LogMemory {
    throw new RangeError('a log is opened on its own disk');
  }

  read(path: string): Promise<Buffer> {
    const place = this.#placeOf(path);
    return place.files.read(place.path);
  }

  size(path: string): Promise<number> {
    const place = this.#placeOf(path);
    return place.files.size(place.path);
  }

  list(directory: string): Promise<readonly string[]> {
    const place = this.#placeOf(directory);
    return place.files.list(place.path);
  }

  async makeDirectory(path: string): Promise<string | undefined> {
    const place = this.#placeOf(path);
    const topmostMade = await place.files.makeDirectory(place.path);
    return topmostMade === undefined ? undefined : `${place.mount}${topmostMade}`;
  }

  remove(path: string): Promise<void> {
    const place = this.#placeOf(path);
    return place.files.remove(place.path);
  }

  removeTree(path: string): Promise<void> {
    const place = this.#placeOf(path);
    return place.files.removeTree(place.path);
  }

  rename(from: string, to: string): Promise<void> {
    const [place, target] = [this.#placeOf(from), this.#placeOf(to)];
    if (place.files !== target.files) throw new RangeError(`${from} and ${to} are on different disks`);
    return place.files.rename(place.path, target.path);
  }

  syncDirectory(path: string): Promise<void> {
    const place = this.#placeOf(path);
    return place.files.syncDirectory(place.path);
  }

  lock(path: string): Promise<FileLock | undefined> {
    const place = this.#placeOf(path);
    return place.files.lock(place.path);
  }

  #placeOf(path: string): Place {
    const [, name = '', ...rest] = path.split('/');
    const files = this.#diskNamed(name);
    if (files === undefined) throw new RangeError(`${path} is on no disk`);
    return { files, mount: `/${name}`, path: `/${rest.join('/')}` };
  }
}
