/** The disk as a single task uses it, such as a backup: the task fails when a call of the disk takes too long. */

import { NODE_ENVIRONMENT } from '../environment.js';
import type { Files } from '../storage/files.js';
import { NODE_FILES } from '../storage/node-files.js';
import { TimedFiles } from '../storage/timed-files.js';
import { DIRECTORY_TIMEOUT_MS } from '../time-limits.js';

/** Files are synced a MiB at a time, so that a disk which works answers each call in time. */
export function filesForOneThing(): Files {
  const environment = NODE_ENVIRONMENT;
  return new TimedFiles(NODE_FILES, { environment, timeoutMs: DIRECTORY_TIMEOUT_MS, isForOneThing: true });
}
