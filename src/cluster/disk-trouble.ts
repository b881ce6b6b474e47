/** The trouble with its disk that a server reports, as events of the log and as words of the status. */

import type { ServerId } from '../raft/types.js';
import type { DiskCondition } from '../wire/control.js';
import type { EventLog } from './event-log.js';

export class DiskTrouble {
  readonly #server: ServerId;
  readonly #eventLog: EventLog;
  #condition: DiskCondition = { name: 'well' };
  #sinceMs = 0;
  #onStalled: () => void = () => undefined;

  constructor(server: ServerId, eventLog: EventLog) {
    this.#server = server;
    this.#eventLog = eventLog;
  }

  /** Whether a write has taken an election timeout or longer. */
  get isStalled(): boolean {
    return this.#condition.name === 'stalled';
  }

  /** Resolves when it becomes so. */
  get stalled(): Promise<void> {
    return new Promise((resolve) => {
      this.#onStalled = resolve;
    });
  }

  /** In words; undefined while the disk is well. */
  get text(): string | undefined {
    const condition = this.#condition;
    if (condition.name === 'well') return undefined;
    const forS = ((performance.now() - this.#sinceMs) / 1000).toFixed(1);
    if (condition.name === 'stalled') return `its disk has not answered for ${forS} s`;
    return `for ${forS} s it has tried again what its disk refuses: ${condition.reason}`;
  }

  /** It is in another condition than before. */
  report(condition: DiskCondition): void {
    const server = this.#server;
    const nowMs = performance.now();
    if (condition.name === 'stalled')
      this.#eventLog.record({ type: 'disk-stalled', server, stalledMs: Math.round(condition.forMs) });
    if (condition.name === 'shortage')
      this.#eventLog.record({ type: 'disk-shortage', server, reason: condition.reason });
    if (condition.name === 'well')
      this.#eventLog.record({ type: 'disk-well', server, afterMs: Math.round(nowMs - this.#sinceMs) });
    this.#condition = condition;
    this.#sinceMs = nowMs - (condition.name === 'well' ? 0 : condition.forMs);
    if (condition.name === 'stalled') this.#onStalled();
  }

  /** Its thread has ended: nothing is known of the disk any more. */
  forget(): void {
    this.#condition = { name: 'well' };
  }
}

/**
 * Whether it is a StorageError that another start would meet again, so no shortage. An error from another thread has lost its
 * class: its code tells.
 */
export function isDiskFailure(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return error.code !== 'DISK_SHORTAGE' && String(error.code).startsWith('DISK_');
}
