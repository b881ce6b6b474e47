/** Files in memory, for storage that is opened thousands of times a second. Nothing is ever lost, and no call fails but for want of a name. */

import { basename, dirname, join } from 'node:path';
import type { DataFile, FileLock, Files, LogFile, LogMemory } from '../../src/storage/files.js';

/** As Node makes them. */
class MissingError extends Error {
  readonly code = 'ENOENT';
  readonly syscall = 'open';

  constructor(path: string) {
    super(`ENOENT: no such file or directory, open '${path}'`);
  }
}

interface Content {
  bytes: Buffer;
}

export class MemoryFiles implements Files {
  readonly #files = new Map<string, Content>();
  readonly #directories = new Set<string>(['/', '.']);

  /** The same files, to be changed apart from these. */
  copy(): MemoryFiles {
    const copy = new MemoryFiles();
    for (const [path, { bytes }] of this.#files) copy.#files.set(path, { bytes: Buffer.from(bytes) });
    for (const path of this.#directories) copy.#directories.add(path);
    return copy;
  }

  /** Gives a file these bytes. */
  put(path: string, bytes: Uint8Array): void {
    this.#files.set(path, { bytes: Buffer.from(bytes) });
  }

  async create(path: string): Promise<DataFile> {
    this.#requireDirectory(dirname(path));
    const file = { bytes: Buffer.alloc(0) };
    this.#files.set(path, file);
    return new MemoryFile(file);
  }

  async open(path: string): Promise<DataFile> {
    return new MemoryFile(this.#file(path));
  }

  async openLog(path: string): Promise<LogFile> {
    const file = this.#file(path);
    return {
      write: async (bytes, position) => writeTo(file, bytes, position),
      close: async () => undefined,
    };
  }

  logMemory(): LogMemory {
    return { take: (byteLength) => Buffer.alloc(byteLength) };
  }

  async read(path: string): Promise<Buffer> {
    return Buffer.from(this.#file(path).bytes);
  }

  async size(path: string): Promise<number> {
    return this.#file(path).bytes.byteLength;
  }

  async list(directory: string): Promise<readonly string[]> {
    this.#requireDirectory(directory);
    const paths = [...this.#files.keys(), ...this.#directories];
    const inside = paths.filter((path) => path !== directory && dirname(path) === directory);
    return inside.map((path) => basename(path)).sort();
  }

  async makeDirectory(path: string): Promise<string | undefined> {
    if (this.#directories.has(path)) return undefined;
    const above = await this.makeDirectory(dirname(path));
    this.#directories.add(path);
    return above ?? path;
  }

  async remove(path: string): Promise<void> {
    this.#files.delete(path);
  }

  async removeTree(path: string): Promise<void> {
    const isInside = (other: string) => other === path || other.startsWith(`${path}/`);
    for (const other of this.#files.keys()) if (isInside(other)) this.#files.delete(other);
    for (const other of this.#directories) if (isInside(other)) this.#directories.delete(other);
  }

  async rename(from: string, to: string): Promise<void> {
    const file = this.#files.get(from);
    if (file !== undefined) {
      this.#files.delete(from);
      this.#files.set(to, file);
      return;
    }
    this.#requireDirectory(from);
    await this.removeTree(to);
    const moved = (path: string) => join(to, path.slice(from.length));
    for (const [path, content] of [...this.#files])
      if (path.startsWith(`${from}/`)) {
        this.#files.delete(path);
        this.#files.set(moved(path), content);
      }
    for (const path of [...this.#directories])
      if (path === from || path.startsWith(`${from}/`)) {
        this.#directories.delete(path);
        this.#directories.add(moved(path));
      }
  }

  async syncDirectory(path: string): Promise<void> {
    this.#requireDirectory(path);
  }

  async lock(path: string): Promise<FileLock | undefined> {
    if (!this.#files.has(path)) this.put(path, Buffer.alloc(0));
    return { release: async () => undefined };
  }

  #file(path: string): Content {
    const file = this.#files.get(path);
    if (file === undefined) throw new MissingError(path);
    return file;
  }

  #requireDirectory(path: string): void {
    if (!this.#directories.has(path)) throw new MissingError(path);
  }
}

class MemoryFile implements DataFile {
  readonly #content: Content;

  constructor(content: Content) {
    this.#content = content;
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    writeTo(this.#content, bytes, position);
    return bytes.byteLength;
  }

  async read(bytes: Uint8Array, position: number): Promise<number> {
    return readFrom(this.#content, bytes, position);
  }

  async datasync(): Promise<void> {}
  async sync(): Promise<void> {}
  async close(): Promise<void> {}
}

function writeTo(content: Content, bytes: Uint8Array, position: number): void {
  const end = position + bytes.byteLength;
  if (end > content.bytes.byteLength) content.bytes = Buffer.concat([content.bytes], end);
  content.bytes.set(bytes, position);
}

function readFrom({ bytes }: Content, into: Uint8Array, position: number): number {
  const piece = bytes.subarray(position, position + into.byteLength);
  into.set(piece);
  return piece.byteLength;
}
