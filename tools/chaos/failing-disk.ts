/**
 * Loaded into the program before anything else (`node --import`): lets a server's writes to its log and its manifest fail,
 * hang or take long, or its thread die around one, when a file says so. The file has the name of the server's directory, holds
 * a {@link DiskFault}, and is in the directory that the environment variable `CHAOS_DISK_FAULTS` names.
 */

import fs, { readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** All but the last two hold until the file is gone; a thread dies once, before or after a write. */
export type DiskFault =
  | 'fail'
  | 'read-only'
  | 'full'
  | 'no descriptors'
  | 'slow'
  | 'hang'
  | 'die before'
  | 'die after';

const CODES: ReadonlyMap<string, string> = new Map([
  ['fail', 'EIO'],
  ['read-only', 'EROFS'],
  ['full', 'ENOSPC'],
]);
const SLOW_MS = 100;
const POLL_MS = 10;

const { CHAOS_DISK_FAULTS: directory } = process.env;
if (directory !== undefined) hurtDisks(directory);

/** A manifest is replaced by a rename. The log is written by descriptor: where that leads is noted when it is opened. */
function hurtDisks(faults: string): void {
  const serverOf = new Map<unknown, string>();
  hurtCalls('rename', (_, to) => {
    if (basename(String(to)) !== 'manifest') return undefined;
    return join(faults, basename(dirname(String(to))));
  });
  hurtCalls('write', (descriptor) => {
    const server = serverOf.get(descriptor);
    return server === undefined ? undefined : join(faults, server);
  });
  const { open } = fs;
  replace('open', (...args) => {
    const done = args.pop();
    if (typeof done !== 'function') throw new TypeError('a callback is expected');
    const server = basename(dirname(dirname(String(args[0]))));
    if (faultIn(join(faults, server)) === 'no descriptors') {
      done(errorOf('EMFILE', 'open'));
      return;
    }
    const onOpen = (error: Error | null, descriptor: number) => {
      if (error === null) serverOf.set(descriptor, server);
      done(error, descriptor);
    };
    Reflect.apply(open, fs, [...args, onOpen]);
  });
  syncBuiltinESMExports();
}

/** Has calls of this function meet the fault in the file that is named for them, if any. */
function hurtCalls(name: 'rename' | 'write', fileOf: (...args: unknown[]) => string | undefined): void {
  const original = fs[name];
  replace(name, (...args) => {
    const file = fileOf(...args);
    if (file === undefined || faultIn(file) === undefined) {
      Reflect.apply(original, fs, args);
      return;
    }
    const done = args.pop();
    if (typeof done !== 'function') throw new TypeError('a callback is expected');
    let result: unknown[] = [];
    const call = () =>
      new Promise<void>((resolve, reject) => {
        const onDone = (error: Error | null, ...rest: unknown[]) => {
          result = rest;
          if (error === null) resolve();
          else reject(error);
        };
        Reflect.apply(original, fs, [...args, onDone]);
      });
    hurt(file, name, call).then(
      () => done(null, ...result),
      (error: unknown) => done(error),
    );
  });
}

/** What else the function has, such as how it is promisified, its stand-in has as well. */
function replace(name: 'rename' | 'write' | 'open', value: (...args: unknown[]) => void): void {
  Object.defineProperties(value, Object.getOwnPropertyDescriptors(fs[name]));
  Object.defineProperty(fs, name, { value });
}

async function hurt(file: string, syscall: string, call: () => Promise<void>): Promise<void> {
  const fault = faultIn(file) ?? '';
  const code = CODES.get(fault);
  if (code !== undefined) throw errorOf(code, syscall);
  if (fault === 'slow') await pause(SLOW_MS);
  while (faultIn(file) === 'hang') await pause(POLL_MS);
  const isLast = fault === 'die before' || fault === 'die after';
  if (isLast) rmSync(file, { force: true });
  if (fault !== 'die before') await call();
  if (isLast) process.exit(1);
}

function errorOf(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: on purpose, ${syscall}`), { code, syscall });
}

function faultIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
