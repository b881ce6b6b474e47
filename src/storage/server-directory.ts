/**
 * Whether a server's directory may be empty.
 *
 * A server that finds nothing on its disk must not take that for a fresh start: it may have voted and acknowledged
 * entries before, and would break its word. So a directory that is made for a new cluster is marked as new, the mark
 * goes once the server has written its first record there, and an empty directory without one is refused.
 */

import { access, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NODE_FILES } from './node-files.js';

const NEW_MARK = 'new';

/** Makes the directory of a server that never ran. */
export async function makeServerDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  const mark = await open(join(path, NEW_MARK), 'w');
  await mark.close();
  await NODE_FILES.syncDirectory(path);
}

/** Whether the server that the directory was made for has not begun to use it. */
export async function isNewServerDirectory(path: string): Promise<boolean> {
  return access(join(path, NEW_MARK)).then(
    () => true,
    () => false,
  );
}

/** From now on, the server's first record is to be found there. */
export async function beginServerDirectory(path: string): Promise<void> {
  await rm(join(path, NEW_MARK));
  await NODE_FILES.syncDirectory(path);
}
