/** Does a version tell the value? */

import type { HistoryLine } from './history-file.js';

/**
 * One line for each version of a key that came with two values. Keys that are deleted begin with 1 again, and are passed
 * over.
 */
export function repeatedVersions(lines: readonly HistoryLine[]): string[] {
  const deleted = new Set(lines.filter(({ op }) => op === 'delete').map(({ key }) => key));
  const values = new Map<string, string>();
  const repeated = new Set<string>();
  for (const { key, op, value, version, outcome } of lines) {
    if (deleted.has(key) || outcome !== 'ok' || op === 'delete' || value === null || version === null)
      continue;
    const name = `${key} in version ${version}`;
    const other = values.get(name) ?? value;
    values.set(name, other);
    if (other !== value) repeated.add(`${name} was ${other} and ${value}`);
  }
  return [...repeated];
}
