/** The line that a watcher is told of a change, and of a key. */

import { secondsLeft } from '../../../protocol/reply.js';
import { flushedLine, goneLine, setLine } from '../../../protocol/text/watch-lines.js';
import type { KeyChange } from '../../../state-machine/history.js';
import type { KeyRecord } from '../../../state-machine/key-record.js';
import type { ChangeStore } from '../change-source.js';

/** Undefined for a value that is not kept: see {@link KeyChange}. Log time is in ms since the epoch. */
export function changeLine(
  store: Pick<ChangeStore, 'get'>,
  change: KeyChange,
  logTimeMs: number,
): string | undefined {
  const { kind, key, revision, version, deadlineMs } = change;
  switch (kind) {
    case 'set': {
      const value = change.value ?? currentValue(store, key, revision);
      if (value === undefined) return undefined;
      return setLine({ key, revision, version, value, exptimeS: secondsLeft(deadlineMs, logTimeMs) });
    }
    case 'deleted':
    case 'expired':
      return goneLine(kind, key, revision);
    case 'flushed':
      return flushedLine(revision);
  }
}

/** The line of a key as it is. Log time is in ms since the epoch. */
export function recordLine(key: string, record: KeyRecord, logTimeMs: number): string {
  return setLine({ ...record, key, exptimeS: secondsLeft(record.deadlineMs, logTimeMs) });
}

/** The key's value, if its last change is the one with this revision. */
function currentValue(store: Pick<ChangeStore, 'get'>, key: string, revision: number): string | undefined {
  const record = store.get(key);
  return record?.revision === revision ? record.value : undefined;
}
