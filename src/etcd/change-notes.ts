/**
 * What etcd's events do not tell of changes. A removed key has no value with a header: so a transaction that removes keys by
 * commands writes a note beside them, with a byte for each key that it removes, in their order: its kind (bit 0: by a command)
 * and what has made it (the bits above). Keys that are removed without a note have expired, be it by whoever has found them, or
 * by a lease.
 */

import { type ChangeEvent, changeEvent } from '../state-machine/change-events.js';

const DELETED = 1;
const EVENT_SHIFT = 1;

export interface Removal {
  readonly kind: 'deleted' | 'expired';
  readonly event: ChangeEvent;
}

/** The note; undefined if none is needed. */
export function encodeNote(removals: readonly Removal[]): Uint8Array | undefined {
  if (removals.every(({ kind }) => kind === 'expired')) return undefined;
  return Uint8Array.from(
    removals,
    ({ kind, event }) => (event << EVENT_SHIFT) | (kind === 'deleted' ? DELETED : 0),
  );
}

/** What the note says of the removal at that place. */
export function removalIn(note: Uint8Array | undefined, place: number): Removal {
  const bits = note?.[place] ?? 0;
  return { kind: (bits & DELETED) === 0 ? 'expired' : 'deleted', event: changeEvent(bits >>> EVENT_SHIFT) };
}
