/** The files on a simulated disk, as one thread sees them until it ends. */

import {
  type DataFile,
  type FileLock,
  type Files,
  type LogFile,
  type LogFileOptions,
  type LogMemory,
  ShortWriteError,
} from '../../../src/storage/files.js';
import type { CallKind, CallsOfFiles } from './disk-calls.js';
import { DirectoryNode, FileNode, type Node, SECTOR_BYTES } from './disk-image.js';
import type { SimulatedThread } from './thread.js';

type Syscall =
  | 'open'
  | 'read'
  | 'write'
  | 'fdatasync'
  | 'fsync'
  | 'stat'
  | 'scandir'
  | 'mkdir'
  | 'unlink'
  | 'rename'
  | 'lock';

/** What a call does. */
interface Work<T> {
  readonly syscall: Syscall;
  /** Told by the system call unless given. */
  readonly kind?: CallKind;
  /** All of it. Throws {@link SystemError}. */
  readonly all: () => T;
  /** A first part of it: its thread ended meanwhile. */
  readonly part?: () => void;
  /** Any part of it: the machine ended meanwhile, or there was an error. */
  readonly torn?: () => void;
}

interface PendingCall {
  readonly kind: CallKind;
  readonly interrupt: (how: 'part' | 'torn') => void;
}

/** As Node makes them. */
class SystemError extends Error {
  readonly code: string;
  readonly syscall: Syscall;

  constructor(code: string, syscall: Syscall, path = '') {
    super(`${code}: simulated, ${syscall} '${path}'`);
    this.code = code;
    this.syscall = syscall;
  }
}

const OPENING: ReadonlySet<Syscall> = new Set(['open', 'scandir', 'lock']);
const READING: ReadonlySet<Syscall> = new Set(['open', 'read', 'stat', 'scandir', 'lock']);
const SYNCING: ReadonlySet<Syscall> = new Set(['fdatasync', 'fsync']);

export class SimulatedFiles implements Files {
  readonly #disk: CallsOfFiles;
  readonly #thread: SimulatedThread;
  readonly #pending = new Set<PendingCall>();
  readonly #locks = new Set<FileNode>();
  #isEnded = false;

  constructor(disk: CallsOfFiles, thread: SimulatedThread) {
    this.#disk = disk;
    this.#thread = thread;
  }

  /** The thread or its process ends: no call has a result any more, locks are released. */
  end(): void {
    this.#end('part');
  }

  /** The same when the machine ends. */
  endTorn(): void {
    this.#end('torn');
  }

  /** Whether a call of this kind has begun and is not over. */
  hasUnderWay(kind: CallKind): boolean {
    for (const call of this.#pending) if (call.kind === kind) return true;
    return false;
  }

  create(path: string): Promise<DataFile> {
    const all = () => {
      const { directory, name, node: found } = this.#find(path, 'open');
      if (found instanceof DirectoryNode) throw new SystemError('EISDIR', 'open', path);
      if (found !== undefined) {
        found.truncate();
        return this.#dataFile(found);
      }
      this.#refuseIfFull('open');
      const file = new FileNode();
      directory.add(name, file);
      return this.#dataFile(file);
    };
    return this.#call({ syscall: 'open', kind: 'change', all });
  }

  open(path: string): Promise<DataFile> {
    return this.#call({ syscall: 'open', all: () => this.#dataFile(this.#fileAt(path, 'open')) });
  }

  openLog(path: string, options: LogFileOptions): Promise<LogFile> {
    return this.#call({
      syscall: 'open',
      all: () => {
        const file = this.#fileAt(path, 'open');
        return {
          write: (bytes, position) => this.#writeLog(file, bytes, position, options),
          close: async () => {},
        };
      },
    });
  }

  logMemory(): LogMemory {
    let memory = Buffer.alloc(0);
    return {
      take: (byteLength) => {
        if (byteLength > memory.byteLength) memory = Buffer.alloc(2 * byteLength);
        return memory.subarray(0, byteLength);
      },
    };
  }

  read(path: string): Promise<Buffer> {
    return this.#call({
      syscall: 'read',
      all: () => {
        this.#refuse('open');
        const file = this.#fileAt(path, 'open');
        const bytes = Buffer.alloc(file.length);
        file.read(bytes, 0);
        return bytes;
      },
    });
  }

  size(path: string): Promise<number> {
    return this.#call({ syscall: 'stat', all: () => this.#fileAt(path, 'stat').length });
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#call({ syscall: 'scandir', all: () => this.#directoryAt(directory, 'scandir').names });
  }

  makeDirectory(path: string): Promise<string | undefined> {
    const all = () => {
      let directory = this.#disk.root;
      let topmost: string | undefined;
      const above: string[] = [];
      for (const name of partsOf(path)) {
        above.push(name);
        let next = directory.get(name);
        if (next instanceof FileNode) throw new SystemError('EEXIST', 'mkdir', path);
        if (next === undefined) {
          this.#refuseIfFull('mkdir');
          next = new DirectoryNode();
          directory.add(name, next);
          topmost ??= `/${above.join('/')}`;
        }
        directory = next;
      }
      return topmost;
    };
    return this.#call({ syscall: 'mkdir', all });
  }

  remove(path: string): Promise<void> {
    const all = () => {
      const found = this.#find(path, 'unlink');
      if (found.node instanceof DirectoryNode) throw new SystemError('EISDIR', 'unlink', path);
      if (found.node !== undefined) found.directory.remove(found.name);
    };
    return this.#call({ syscall: 'unlink', all });
  }

  removeTree(path: string): Promise<void> {
    const all = () => {
      const { directory, name, node } = this.#find(path, 'unlink');
      if (node instanceof DirectoryNode) empty(node);
      if (node !== undefined) directory.remove(name);
    };
    return this.#call({ syscall: 'unlink', all });
  }

  rename(from: string, to: string): Promise<void> {
    const all = () => {
      const { directory, name, node } = this.#find(from, 'rename');
      const target = this.#find(to, 'rename');
      if (node === undefined) throw new SystemError('ENOENT', 'rename', from);
      if (target.directory !== directory)
        throw new TypeError('only within a directory is a rename simulated');
      if (target.node instanceof DirectoryNode && target.node.names.length > 0)
        throw new SystemError('ENOTEMPTY', 'rename', to);
      directory.rename(name, target.name, node);
    };
    return this.#call({ syscall: 'rename', all });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#sync('fsync', () => {
      this.#refuse('open');
      return this.#directoryAt(path, 'open');
    });
  }

  lock(path: string): Promise<FileLock | undefined> {
    const all = () => {
      const { directory, name, node } = this.#find(path, 'lock');
      if (node instanceof DirectoryNode) throw new SystemError('EISDIR', 'lock', path);
      const file = node ?? new FileNode();
      if (node === undefined) directory.add(name, file);
      if (this.#disk.locked.has(file)) return undefined;
      this.#disk.locked.add(file);
      this.#locks.add(file);
      return { release: async () => this.#unlock(file) };
    };
    return this.#call({ syscall: 'lock', all });
  }

  #end(how: 'part' | 'torn'): void {
    this.#isEnded = true;
    for (const call of this.#pending) call.interrupt(how);
    this.#pending.clear();
    for (const file of this.#locks) this.#unlock(file);
  }

  #unlock(file: FileNode): void {
    this.#locks.delete(file);
    this.#disk.locked.delete(file);
  }

  #dataFile(file: FileNode): DataFile {
    return {
      write: (bytes, position) => this.#writeData(file, bytes, position),
      read: (bytes, position) => this.#call({ syscall: 'read', all: () => file.read(bytes, position) }),
      datasync: () => this.#sync('fdatasync', () => file),
      sync: () => this.#sync('fsync', () => file),
      close: async () => {},
    };
  }

  #writeData(file: FileNode, bytes: Uint8Array, position: number): Promise<number> {
    const copy = new Uint8Array(bytes);
    const writePart = (end: number) => {
      file.write(copy.subarray(0, end), position);
      return end;
    };
    const part = () => writePart(this.#disk.random.below(copy.byteLength + 1));
    const all = () => {
      const room = this.#disk.faults.isFull ? Math.max(0, file.length - position) : copy.byteLength;
      if (room === 0 && copy.byteLength > 0) throw new SystemError('ENOSPC', 'write');
      if (copy.byteLength > 1 && this.#disk.random.chance(this.#disk.faults.shortWrites))
        return writePart(1 + this.#disk.random.below(copy.byteLength - 1));
      return writePart(Math.min(copy.byteLength, room));
    };
    return this.#call({ syscall: 'write', all, part, torn: part });
  }

  /** A log is written by one call, or it fails. */
  #writeLog(file: FileNode, bytes: Uint8Array, position: number, { fsync }: LogFileOptions): Promise<void> {
    const { random } = this.#disk;
    if ((position | bytes.byteLength) % SECTOR_BYTES !== 0 || position + bytes.byteLength > file.length)
      throw new RangeError('a log is written in whole sectors, inside of its length');
    const copy = new Uint8Array(bytes);
    const writePart = (end: number) => {
      file.write(copy.subarray(0, end), position);
      if (fsync) file.syncRange(position, end);
    };
    return this.#call({
      syscall: 'write',
      kind: bytes.byteLength > SECTOR_BYTES ? 'long log write' : 'log write',
      all: () => {
        if (!random.chance(this.#disk.faults.shortWrites)) {
          writePart(copy.byteLength);
          return;
        }
        const end = random.below(copy.byteLength / SECTOR_BYTES) * SECTOR_BYTES;
        writePart(end);
        throw new ShortWriteError(end, copy.byteLength);
      },
      part: () => writePart(random.below(copy.byteLength / SECTOR_BYTES + 1) * SECTOR_BYTES),
      torn: () => {
        file.write(copy, position, () => random.chance(0.5));
        if (fsync) file.failSync(random);
      },
    });
  }

  #sync(syscall: Syscall, target: () => Node): Promise<void> {
    // What is done once it has begun is not covered.
    let begun: { readonly node: Node; readonly time: number };
    try {
      const node = target();
      begun = { node, time: node.time };
    } catch (error) {
      return this.#call({
        syscall,
        all: () => {
          throw error;
        },
      });
    }
    const { node, time } = begun;
    return this.#call({
      syscall,
      all: () => node.sync(time),
      torn: () => node.failSync(this.#disk.random),
    });
  }

  #call<T>({ syscall, all, part, torn, ...rest }: Work<T>): Promise<T> {
    const kind = rest.kind ?? (READING.has(syscall) ? 'read' : 'change');
    return new Promise((resolve, reject) => {
      // A thread that has ended makes no calls: one that seems to is a promise of it that goes on.
      if (this.#isEnded) return;
      const { random } = this.#disk;
      const pending: PendingCall = {
        kind,
        interrupt: (how) => {
          const share = random.of(['all', 'some', 'none'] as const);
          if (share === 'all') ignoreErrors(all);
          else if (share === 'some' && how === 'part') part?.();
          else if (share === 'some') torn?.();
        },
      };
      this.#pending.add(pending);
      const complete = () => {
        if (!this.#pending.delete(pending)) return;
        try {
          this.#refuse(syscall);
        } catch (error) {
          if (error instanceof SystemError && error.code === 'EIO') torn?.();
          this.#thread.deliver(this, () => reject(error));
          return;
        }
        try {
          const result = all();
          this.#thread.deliver(this, () => resolve(result));
        } catch (error) {
          this.#thread.deliver(this, () => reject(error));
        }
      };
      this.#disk.begin({ kind, complete });
    });
  }

  /** Throws {@link SystemError} if the disk's faults have it so. */
  #refuse(syscall: Syscall): void {
    const { faults, random } = this.#disk;
    if (faults.isOutOfDescriptors && OPENING.has(syscall)) throw new SystemError('EMFILE', syscall);
    const chance = READING.has(syscall)
      ? faults.readErrors
      : SYNCING.has(syscall)
        ? faults.syncErrors
        : faults.writeErrors;
    if (random.chance(chance)) throw new SystemError('EIO', syscall);
  }

  #refuseIfFull(syscall: Syscall): void {
    if (this.#disk.faults.isFull) throw new SystemError('ENOSPC', syscall);
  }

  #fileAt(path: string, syscall: Syscall): FileNode {
    const { node } = this.#find(path, syscall);
    if (node === undefined) throw new SystemError('ENOENT', syscall, path);
    if (node instanceof DirectoryNode) throw new SystemError('EISDIR', syscall, path);
    return node;
  }

  #directoryAt(path: string, syscall: Syscall): DirectoryNode {
    let directory = this.#disk.root;
    for (const name of partsOf(path)) {
      const next = directory.get(name);
      if (next === undefined) throw new SystemError('ENOENT', syscall, path);
      if (next instanceof FileNode) throw new SystemError('ENOTDIR', syscall, path);
      directory = next;
    }
    return directory;
  }

  #find(path: string, syscall: Syscall): Place {
    const name = partsOf(path).at(-1) ?? '';
    const directory = this.#directoryAt(path.slice(0, path.lastIndexOf('/')), syscall);
    return { directory, name, node: directory.get(name) };
  }
}

/** Where a path leads. */
interface Place {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly node: Node | undefined;
}

function partsOf(path: string): readonly string[] {
  return path.split('/').filter((part) => part !== '');
}

function empty(directory: DirectoryNode): void {
  for (const name of directory.names) {
    const node = directory.get(name);
    if (node instanceof DirectoryNode) empty(node);
    directory.remove(name);
  }
}

/** Nobody is there to be told of them. */
function ignoreErrors(action: () => void): void {
  try {
    action();
  } catch {
    // Its caller has ended.
  }
}
