/** Prometheus's own checks, where they are installed. */

import { spawnSync } from 'node:child_process';

const NOT_FOUND = 'ENOENT';

/**
 * Runs promtool; returns what it has to say, nothing when it is content, or undefined where it is not installed, which
 * it tells in a line.
 */
export function promtool(args: readonly string[], input?: string): string | undefined {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  if (error !== undefined && 'code' in error && error.code === NOT_FOUND) {
    process.stderr.write('promtool is not installed: its checks are skipped\n');
    return undefined;
  }
  return status === 0 ? '' : `${stdout}${stderr}` || `promtool ended with ${status}`;
}
