/**
 * How transactions of earlier versions of the program, which are still in logs, tell whether a watched key has changed: by its
 * version, its deadline and a hash of its value.
 */

import type { FormerlyWatchedKey } from '../../protocol/command.js';
import type { Keyspace } from './keyspace.js';

/** Longer values are not compared; the removal count of the key's group stands in. */
const MAX_COMPARED_BYTES = 512;

export function wasUnchanged(keyspace: Keyspace, watched: FormerlyWatchedKey): boolean {
  const { key, version, deadlineMs, valueHash } = watched;
  const meta = keyspace.find(key);
  if (meta === undefined) return version === 0 && deadlineMs === 0 && valueHash === keyspace.removalsOf(key);
  if (meta.version !== version || meta.deadlineMs !== deadlineMs) return false;
  const { length } = meta;
  return (
    valueHash ===
    (length > MAX_COMPARED_BYTES ? keyspace.removalsOf(key) : fnv1a(keyspace.slice(key, 0, length)))
  );
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a of one byte per character. */
function fnv1a(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}
