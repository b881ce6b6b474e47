/** Whether there are file descriptors enough to load modules. */

import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { messageOf } from '../error-message.js';
import { HttpError } from './http-error.js';

/** Loading the API takes 16 at once. The rest is for those who come in between. */
const NEEDED = 64;

/**
 * Throws HttpError 503 when descriptors are short. To be called before modules are loaded: Node keeps a failure to load one for
 * good, so it must not try before it can.
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
