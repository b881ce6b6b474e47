/** Loading modules at a moment when file descriptors may be short. */

import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../error-message.js';
import { HttpError } from './http-error.js';

/** Loading takes one at a time. The rest is for threads that open files meanwhile. */
const NEEDED = 16;

const require = createRequire(import.meta.url);

/**
 * Throws HttpError 503 when descriptors are short. To be called in the same turn before modules are loaded: what Node could not
 * read of a package it may take for missing.
 */
export function requireDescriptors(): void {
  const open: number[] = [];
  try {
    while (open.length < NEEDED) open.push(openSync(devNull, 'r'));
  } catch (error) {
    throw new HttpError(503, `the admin API cannot be loaded for now: ${messageOf(error)}`);
  } finally {
    for (const descriptor of open) closeSync(descriptor);
  }
}

/**
 * The module, as `import` resolves it from here. It is loaded in this turn, file by file, and a failure is not for good:
 * `import()` opens many files at once, and never tries again one that could not be opened.
 */
export function loadModule(specifier: string) {
  return require(fileURLToPath(import.meta.resolve(specifier)));
}
