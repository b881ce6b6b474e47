/** How a server finds its disk: well, silent in the midst of a write, or lacking something. A change is told once. */

import type { Environment } from '../environment.js';
import type { Storage } from '../storage/storage.js';
import { messageOf } from '../storage/system-errors.js';
import type { DiskCondition } from '../wire/control.js';
import type { Disk } from './disk.js';
import { DiskPatience } from './disk-patience.js';

export interface DiskHealthOptions {
  readonly environment: Environment;
  /** What lacks something waits from now on, see {@link DiskPatience}. */
  readonly storage: Pick<Storage, 'waitWith'>;
  readonly disk: Disk;
  /** A disk that has given no answer for this long is silent. */
  readonly silentAfterMs: number;
  /** Called when there may be something to report. */
  readonly onActivity: () => void;
  /** Told when the condition has another name than before. */
  readonly onChange: (condition: DiskCondition) => void;
}

const WELL: DiskCondition = { name: 'well' };

export class DiskHealth {
  readonly #options: DiskHealthOptions;
  readonly #patience: DiskPatience;
  #told: DiskCondition['name'] = 'well';

  constructor(options: DiskHealthOptions) {
    this.#options = options;
    this.#patience = new DiskPatience(options.environment, options.onActivity);
    options.storage.waitWith(this.#patience);
  }

  get condition(): DiskCondition {
    const { environment, disk, silentAfterMs } = this.#options;
    const { lack } = this.#patience;
    const nowMs = environment.nowMs();
    if (lack !== undefined)
      return { name: 'lacking', forMs: nowMs - lack.sinceMs, reason: messageOf(lack.cause) };
    const { busySinceMs } = disk;
    if (busySinceMs === undefined || nowMs < busySinceMs + silentAfterMs) return WELL;
    return { name: 'silent', forMs: nowMs - busySinceMs };
  }

  /** When {@link report} may have something to tell although nothing happens before, in ms; infinity when not. */
  get deadlineMs(): number {
    const { disk, silentAfterMs } = this.#options;
    const { busySinceMs } = disk;
    const isWatched = busySinceMs !== undefined && this.#told === 'well';
    return isWatched ? busySinceMs + silentAfterMs : Number.POSITIVE_INFINITY;
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#patience.stop();
  }

  report(): void {
    // Most turns end here.
    if (this.#told === 'well' && !this.#options.disk.isBusy && this.#patience.lack === undefined) return;
    const { condition } = this;
    if (condition.name === this.#told) return;
    this.#told = condition.name;
    this.#options.onChange(condition);
  }
}
