/** Makes changes of keys of what etcd's watch tells. */

import { REVISIONS_PER_TXN } from '../etcd-limits.js';
import { ChangeEvent } from '../state-machine/change-events.js';
import type { KeyChange } from '../state-machine/history.js';
import { removalIn } from './change-notes.js';
import { FLUSHED, keyOfName, NOTE } from './etcd-keys.js';
import { revisionOf } from './revisions.js';
import { decodeValue } from './value-codec.js';

/** An event of etcd, with what it is about: the name after the prefix, and the value if it was put. */
export interface NamedEvent {
  readonly name: string;
  readonly modRevision: number;
  /** Undefined if it was removed. */
  readonly value: Uint8Array | undefined;
}

/** Another program has written more in one transaction than there are revisions for. */
export class TooManyEventsError extends Error {
  readonly code = 'ETCD_TOO_MANY_EVENTS';

  constructor(modRevision: number) {
    super(`revision ${modRevision} of etcd has more than ${REVISIONS_PER_TXN} changes of keys`);
    this.name = 'TooManyEventsError';
  }
}

/**
 * The changes of keys among the events, which are all of some revisions of etcd. Throws StoredValueError, or TooManyEventsError.
 */
export function changesIn(events: readonly NamedEvent[]): readonly KeyChange[] {
  const changes: KeyChange[] = [];
  for (let start = 0; start < events.length; ) {
    const modRevision = events[start]?.modRevision ?? 0;
    let end = start;
    while (events[end]?.modRevision === modRevision) end += 1;
    addChanges(changes, events.slice(start, end), modRevision);
    start = end;
  }
  return changes;
}

function addChanges(changes: KeyChange[], events: readonly NamedEvent[], modRevision: number): void {
  const common = { event: ChangeEvent.plain, version: 0, deadlineMs: 0, value: '' };
  if (events.some(({ name }) => name === FLUSHED)) {
    changes.push({ ...common, kind: 'flushed', revision: revisionOf(modRevision, 0), key: '' });
    return;
  }
  const note = events.find(({ name }) => name === NOTE)?.value;
  let ordinal = 0;
  let removed = 0;
  for (const { name, value } of events) {
    const key = keyOfName(name);
    if (key === undefined) continue;
    if (ordinal >= REVISIONS_PER_TXN) throw new TooManyEventsError(modRevision);
    const revision = revisionOf(modRevision, ordinal);
    ordinal += 1;
    if (value === undefined) {
      changes.push({ ...common, ...removalIn(note, removed), revision, key });
      removed += 1;
      continue;
    }
    const { event = ChangeEvent.plain, version, deadlineMs, value: stored } = decodeValue(value);
    changes.push({ kind: 'set', revision, event, key, version, deadlineMs, value: stored });
  }
}
