/** What subscribers are to be told: the events of all changes, in order, as they were first applied anywhere. */

import { ChangeEvent } from '../../../src/state-machine/change-events.js';
import type { KeyChange } from '../../../src/state-machine/history.js';
import { eventsOf } from '../../../src/state-machine/key-events.js';
import type { KeyValueStore } from '../../../src/state-machine/key-value-store.js';

export class EventRecord {
  /** Channel and payload of each message. */
  readonly messages: string[] = [];
  /** A server has begun with a snapshot: what came before, it cannot tell. */
  hasSnapshots = false;
  #lastRevision = 0;

  /** An entry was applied to the store. Those before it were, there or elsewhere. */
  note({ history, lastRevision }: KeyValueStore): void {
    if (lastRevision <= this.#lastRevision) return;
    const changes: KeyChange[] = [];
    history.visit(this.#lastRevision + 1, lastRevision, (change) => {
      changes.push(change);
      return true;
    });
    this.#lastRevision = lastRevision;
    for (const [at, change] of changes.entries()) {
      const isRenamed = ({ event }: KeyChange) => event === ChangeEvent.rename;
      const [other] = change.kind === 'set' ? changes.slice(at + 1, at + 2) : changes.slice(at - 1, at);
      // RENAME tells of its source first.
      this.#add(isRenamed(change) && other !== undefined ? other : change);
    }
  }

  #add(change: KeyChange): void {
    for (const { name } of eventsOf(change)) {
      this.messages.push(`__keyspace@0__:${change.key} ${name}`, `__keyevent@0__:${name} ${change.key}`);
    }
  }
}

/**
 * Where in the record somebody may stand by what it was told: it knows events by their names alone, so there may be several
 * places.
 */
export class RecordPlaces {
  readonly #record: EventRecord;
  #places = new Set<number>();

  constructor(record: EventRecord) {
    this.#record = record;
  }

  /** It subscribed between these two lengths of the record. */
  begin(from: number, to: number): void {
    this.#places = new Set(Array.from({ length: to - from + 1 }, (_, i) => from + i));
  }

  /** Whether it may be told that, being at one of the places; or at any later one, if it may have missed something. */
  take(message: string, mayMiss: boolean): boolean {
    const { messages } = this.#record;
    const next = new Set<number>();
    if (mayMiss) {
      for (let at = Math.min(...this.#places); at < messages.length; at += 1)
        if (messages[at] === message) next.add(at + 1);
    } else for (const at of this.#places) if (messages[at] === message) next.add(at + 1);
    this.#places = next;
    return next.size > 0;
  }

  get isAtEnd(): boolean {
    return this.#places.has(this.#record.messages.length);
  }
}
