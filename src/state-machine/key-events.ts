/** What Redis calls the changes of keys: the events that those who subscribe to them are told of. */

import { ChangeEvent } from './change-events.js';
import type { KeyChange } from './history.js';

/** The class of an event, by the letter that `notify-keyspace-events` has for it: generic, string, expired, new. */
export type EventClass = 'g' | '$' | 'x' | 'n';

export interface KeyEvent {
  readonly name: string;
  readonly eventClass: EventClass;
}

const SET: KeyEvent = { name: 'set', eventClass: '$' };
const EXPIRE: KeyEvent = { name: 'expire', eventClass: 'g' };

const NOTHING: readonly KeyEvent[] = [];
const STORED: readonly KeyEvent[] = [SET];
const STORED_FOR_A_TIME: readonly KeyEvent[] = [SET, EXPIRE];
const DEADLINE_SET: readonly KeyEvent[] = [EXPIRE];
const PERSISTED = alone('persist', 'g');
const REMOVED = alone('del', 'g');
const EXPIRED = alone('expired', 'x');
const RENAMED_FROM = alone('rename_from', 'g');

/** Of a stored value, by what has made the change. */
const BY_EVENT = new Map<ChangeEvent, readonly KeyEvent[]>([
  [ChangeEvent.set, STORED],
  [ChangeEvent.append, alone('append', '$')],
  [ChangeEvent.setrange, alone('setrange', '$')],
  [ChangeEvent.incrby, alone('incrby', '$')],
  [ChangeEvent.incrbyfloat, alone('incrbyfloat', '$')],
  [ChangeEvent.setbit, alone('setbit', '$')],
  [ChangeEvent.rename, alone('rename_to', 'g')],
  [ChangeEvent.copy, alone('copy_to', 'g')],
  [ChangeEvent.restore, alone('restore', 'g')],
]);

/** The events of the change, in Redis's order; none for those that Redis does not tell of, such as FLUSHALL. */
export function eventsOf({ kind, event, deadlineMs }: KeyChange): readonly KeyEvent[] {
  if (event === ChangeEvent.silent) return NOTHING;
  switch (kind) {
    case 'flushed':
      return NOTHING;
    case 'expired':
      return EXPIRED;
    case 'deleted':
      return event === ChangeEvent.rename ? RENAMED_FROM : REMOVED;
    case 'set':
      if (event === ChangeEvent.plain) return deadlineMs === 0 ? STORED : STORED_FOR_A_TIME;
      if (event === ChangeEvent.deadline) return deadlineMs === 0 ? PERSISTED : DEADLINE_SET;
      return BY_EVENT.get(event) ?? NOTHING;
  }
}

/** Whether the key was not there before. */
export function isNew({ kind, event, version }: KeyChange): boolean {
  return kind === 'set' && version === 1 && event !== ChangeEvent.deadline && event !== ChangeEvent.silent;
}

function alone(name: string, eventClass: EventClass): readonly KeyEvent[] {
  return [{ name, eventClass }];
}
