/** Files of disks that may hang: a call that takes too long is given up and rejects with {@link DiskTimeoutError}. */

import type { Environment } from '../environment.js';
import type { DataFile, FileAccess, FileLock, Files, LogFile, LogMemory } from './files.js';

/** The removal of a directory may take as long as this many other calls: there may be many files in it. */
const REMOVAL_CALLS = 3;

/** The disk has not answered in time. What was asked of it may still happen. */
export class DiskTimeoutError extends Error {
  /** As of the operating system, whose word for it this is. */
  readonly code = 'ETIMEDOUT';
  readonly syscall: string;

  constructor(call: string, timeoutMs: number) {
    super(`the disk has not answered for ${timeoutMs / 1000} s`);
    this.name = 'DiskTimeoutError';
    this.syscall = call;
  }
}

export interface TimedFilesOptions {
  readonly environment: Pick<Environment, 'startTimer'>;
  readonly timeoutMs: number;
  /** Whether all calls are for one thing, which fails with the first that was given up: none is waited for after that. */
  readonly isForOneThing?: boolean;
}

interface Patience<T> {
  /** Is given what the call has brought after it was given up. */
  readonly onLate?: (late: T) => Promise<void> | undefined;
  /** That of all calls unless given. */
  readonly timeoutMs?: number;
}

export class TimedFiles implements Files {
  readonly #files: Files;
  readonly #environment: TimedFilesOptions['environment'];
  readonly #timeoutMs: number;
  readonly #isForOneThing: boolean;
  #givenUp = 0;
  #wasGivenUp = false;

  constructor(files: Files, { environment, timeoutMs, isForOneThing = false }: TimedFilesOptions) {
    this.#files = files;
    this.#environment = environment;
    this.#timeoutMs = timeoutMs;
    this.#isForOneThing = isForOneThing;
  }

  /** Calls that were given up and have not ended: the process cannot exit by itself. */
  get givenUp(): number {
    return this.#givenUp;
  }

  create(path: string): Promise<DataFile> {
    return this.#timed('open', this.#files.create(path), { onLate: closeLate }).then((file) =>
      this.#timedFile(file),
    );
  }

  open(path: string, access: FileAccess): Promise<DataFile> {
    return this.#timed('open', this.#files.open(path, access), { onLate: closeLate }).then((file) =>
      this.#timedFile(file),
    );
  }

  openLog(...args: Parameters<Files['openLog']>): Promise<LogFile> {
    return this.#timed('open', this.#files.openLog(...args), { onLate: closeLate });
  }

  logMemory(): LogMemory {
    return this.#files.logMemory();
  }

  read(path: string): Promise<Buffer> {
    return this.#timed('read', this.#files.read(path));
  }

  size(path: string): Promise<number> {
    return this.#timed('stat', this.#files.size(path));
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#timed('scandir', this.#files.list(directory));
  }

  makeDirectory(path: string): Promise<string | undefined> {
    return this.#timed('mkdir', this.#files.makeDirectory(path));
  }

  remove(path: string): Promise<void> {
    return this.#timed('unlink', this.#files.remove(path));
  }

  removeTree(path: string): Promise<void> {
    const timeoutMs = REMOVAL_CALLS * this.#timeoutMs;
    return this.#timed('rmdir', this.#files.removeTree(path), { timeoutMs });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#timed('rename', this.#files.rename(from, to));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#timed('fsync', this.#files.syncDirectory(path));
  }

  lock(path: string): Promise<FileLock | undefined> {
    return this.#timed('flock', this.#files.lock(path), { onLate: (late) => late?.release() });
  }

  #timedFile(file: DataFile): DataFile {
    return {
      write: (bytes, position) => this.#timed('write', file.write(bytes, position)),
      read: (bytes, position) => this.#timed('read', file.read(bytes, position)),
      datasync: () => this.#timed('fdatasync', file.datasync()),
      sync: () => this.#timed('fsync', file.sync()),
      close: () => this.#timed('close', file.close()),
    };
  }

  #timed<T>(
    call: string,
    done: Promise<T>,
    { onLate, timeoutMs = this.#timeoutMs }: Patience<T> = {},
  ): Promise<T> {
    const patienceMs = this.#isForOneThing && this.#wasGivenUp ? 0 : timeoutMs;
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      const timer = this.#environment.startTimer(() => {
        isGivenUp = true;
        this.#givenUp += 1;
        this.#wasGivenUp = true;
        reject(new DiskTimeoutError(call, timeoutMs));
      }, patienceMs);
      const end = () => {
        timer.cancel();
        if (isGivenUp) this.#givenUp -= 1;
      };
      done.then(
        (result) => {
          end();
          if (isGivenUp) onLate?.(result)?.catch(() => undefined);
          else resolve(result);
        },
        (error: unknown) => {
          end();
          reject(error);
        },
      );
    });
  }
}

function closeLate(late: { close(): Promise<void> }): Promise<void> {
  return late.close();
}
