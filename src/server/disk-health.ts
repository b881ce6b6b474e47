/** The condition of a server's disk: well, stalled in the midst of a write, or in a shortage. Each change is reported once. */

import type { Environment } from '../environment.js';
import { messageOf } from '../error-message.js';
import type { Storage } from '../storage/storage.js';
import { DISK_CLOSE_TIMEOUT_MS } from '../time-limits.js';
import type { DiskCondition } from '../wire/control.js';
import type { Disk } from './disk.js';
import { ShortageBackoff } from './shortage-backoff.js';

export interface DiskHealthOptions {
  readonly environment: Environment;
  /** Gets a {@link ShortageBackoff} to retry with. */
  readonly storage: Pick<Storage, 'retryWith'>;
  readonly disk: Disk;
  /** A write that has taken this long makes the disk stalled; a shortage that has lasted this long is reported. */
  readonly stalledAfterMs: number;
  /** Called when there may be something to report. */
  readonly onActivity: () => void;
  /** Told when the condition has another name than before. */
  readonly onChange: (condition: DiskCondition) => void;
}

const WELL: DiskCondition = { name: 'well' };

export class DiskHealth {
  readonly #options: DiskHealthOptions;
  readonly #backoff: ShortageBackoff;
  #stalledAfterMs: number;
  #reported: DiskCondition['name'] = 'well';

  constructor(options: DiskHealthOptions) {
    this.#options = options;
    this.#stalledAfterMs = options.stalledAfterMs;
    this.#backoff = new ShortageBackoff(options.environment, options.onActivity);
    options.storage.retryWith(this.#backoff);
  }

  /** Trouble that has lasted for less than {@link DiskHealthOptions.stalledAfterMs} does not show here. */
  get condition(): DiskCondition {
    const { shortage } = this.#backoff;
    const forMs = this.#options.environment.nowMs() - (this.#troubleSinceMs ?? Number.POSITIVE_INFINITY);
    if (forMs < this.#stalledAfterMs) return WELL;
    return shortage === undefined
      ? { name: 'stalled', forMs }
      : { name: 'shortage', forMs, reason: messageOf(shortage.cause) };
  }

  /** When {@link report} may have something to tell although nothing happens before, in ms; infinity when not. */
  get deadlineMs(): number {
    if (this.#reported !== 'well') return Number.POSITIVE_INFINITY;
    return (this.#troubleSinceMs ?? Number.POSITIVE_INFINITY) + this.#stalledAfterMs;
  }

  /** Since when a shortage lasts, or without one, since when a write is under way. */
  get #troubleSinceMs(): number | undefined {
    const { shortage, lastOverMs } = this.#backoff;
    if (shortage !== undefined) return shortage.sinceMs;
    const { busySinceMs } = this.#options.disk;
    return busySinceMs === undefined ? undefined : Math.max(busySinceMs, lastOverMs);
  }

  /** The server stops: a write that has taken {@link DISK_CLOSE_TIMEOUT_MS} makes the disk stalled, or less if it did before. */
  serverStops(): void {
    this.#stalledAfterMs = Math.min(this.#stalledAfterMs, DISK_CLOSE_TIMEOUT_MS);
  }

  /** Ends the retries. */
  stop(): void {
    this.#backoff.stop();
  }

  /**
   * Waits for the disk to be closed, and reports it as stalled if that takes longer than {@link DISK_CLOSE_TIMEOUT_MS}, the write
   * that is under way included.
   */
  async untilClosed(closing: Promise<void>): Promise<void> {
    const { environment, disk, onChange } = this.#options;
    const nowMs = environment.nowMs();
    const stalledAtMs = (disk.busySinceMs ?? nowMs) + DISK_CLOSE_TIMEOUT_MS;
    const timer = environment.startTimer(
      () => onChange({ name: 'stalled', forMs: DISK_CLOSE_TIMEOUT_MS }),
      Math.max(0, stalledAtMs - nowMs),
    );
    await closing.finally(() => timer.cancel());
  }

  report(): void {
    // Most turns end here.
    if (this.#reported === 'well' && !this.#options.disk.isBusy && this.#backoff.shortage === undefined)
      return;
    const { condition } = this;
    if (condition.name === this.#reported) return;
    this.#reported = condition.name;
    this.#options.onChange(condition);
  }
}
