/**
 * Loaded into the program before anything else (`node --import`): lets a server's writes to its log and its manifest fail,
 * or its thread die around one, when a file says so. The file has the name of the server's directory, holds a
 * {@link DiskFault}, and is in the directory that the environment variable `CHAOS_DISK_FAULTS` names.
 */

import fs, { readFileSync, rmSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';

/** Writes fail until the file is gone; a thread dies once, before or after a write. */
export type DiskFault = 'fail' | 'die before' | 'die after';

const { CHAOS_DISK_FAULTS: directory } = process.env;
if (directory !== undefined) {
  hurtManifest(directory);
  hurtLog(directory);
}

/** A manifest is replaced by a rename. */
function hurtManifest(faults: string): void {
  const { rename } = promises;
  promises.rename = (from, to) => {
    const replace = () => rename(from, to);
    if (basename(String(to)) !== 'manifest') return replace();
    return hurt(join(faults, basename(dirname(String(to)))), replace);
  };
}

/** The log is written by descriptor: where that leads is noted when it is opened. */
function hurtLog(faults: string): void {
  const { open } = promises;
  const { write } = fs;
  const serverOf = new Map<number, string>();
  promises.open = async (path, ...rest) => {
    const file = await open(path, ...rest);
    serverOf.set(file.fd, basename(dirname(dirname(String(path)))));
    return file;
  };
  Object.defineProperty(fs, 'write', {
    value: (fd: number, ...args: unknown[]) => {
      const done = args.pop();
      if (typeof done !== 'function') throw new TypeError('a callback is expected');
      let result: unknown[] = [];
      const writing = () =>
        new Promise<void>((resolve, reject) => {
          const onWritten = (error: Error | null, ...rest: unknown[]) => {
            result = rest;
            if (error === null) resolve();
            else reject(error);
          };
          Reflect.apply(write, fs, [fd, ...args, onWritten]);
        });
      hurt(join(faults, serverOf.get(fd) ?? ''), writing).then(
        () => done(null, ...result),
        (error: unknown) => done(error),
      );
    },
  });
  syncBuiltinESMExports();
}

async function hurt(file: string, write: () => Promise<void>): Promise<void> {
  const fault = faultIn(file);
  if (fault === 'fail') throw Object.assign(new Error('i/o error'), { code: 'EIO' });
  const isLast = fault === 'die before' || fault === 'die after';
  if (isLast) rmSync(file, { force: true });
  if (fault !== 'die before') await write();
  if (isLast) process.exit(1);
}

function faultIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
