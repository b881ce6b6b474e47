/**
 * What checks know of each server's disk: what was found there when it started, and what it was told since to be there.
 */

import { LogTerms } from '../log-terms.js';
import type { HardState, LogIndex, LogPosition, PersistRequest, RecoveredState, ServerId } from '../types.js';

export class Disk {
  hardState: HardState;
  #log: LogTerms;
  /** A snapshot reaches this far. */
  #snapshotIndex: LogIndex;

  constructor({ hardState, snapshot, entries, logStart }: RecoveredState) {
    this.hardState = hardState;
    this.#log = new LogTerms(logStart);
    this.#snapshotIndex = Math.max(logStart.index, snapshot?.index ?? 0);
    for (const { index, term } of entries) this.#log.extend(index, term);
  }

  /** Whether the entry there is of this term, in the log or in a snapshot. */
  has({ index, term }: LogPosition): boolean {
    return index <= this.#snapshotIndex || this.#log.termAt(index) === term;
  }

  persisted({ hardState, entries, snapshotChunk }: PersistRequest): void {
    if (hardState !== undefined) this.hardState = hardState;
    const [first] = entries;
    if (first !== undefined) this.#log.truncateTo(first.index - 1);
    for (const { index, term } of entries) this.#log.extend(index, term);
    if (snapshotChunk?.last !== true) return;
    const { snapshot, keepsLog } = snapshotChunk;
    this.#snapshotIndex = snapshot.index;
    if (!keepsLog) this.#log = new LogTerms(snapshot);
  }
}

export class Disks {
  readonly #disks = new Map<ServerId, Disk>();

  /** A server starts with what was found on its disk. */
  recovered(id: ServerId, state: RecoveredState): void {
    this.#disks.set(id, new Disk(state));
  }

  /** The disk has told the server that these are there. */
  persisted(id: ServerId, requests: readonly PersistRequest[]): void {
    for (const request of requests) this.#disks.get(id)?.persisted(request);
  }

  /** The server has crashed: what is on its disk is known again when it starts. */
  crashed(id: ServerId): void {
    this.#disks.delete(id);
  }

  /** Undefined while nothing is known of it. */
  of(id: ServerId): Disk | undefined {
    return this.#disks.get(id);
  }
}
