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
  /** A disk that has given no answer for this long is silent, and one that has lacked something for as long is told of. */
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

  /** What has lasted for a shorter time than {@link DiskHealthOptions.silentAfterMs} is not told. */
  get condition(): DiskCondition {
    const { environment, silentAfterMs } = this.#options;
    const { lack } = this.#patience;
    const forMs = environment.nowMs() - (this.#troubleSinceMs ?? Number.POSITIVE_INFINITY);
    if (forMs < silentAfterMs) return WELL;
    return lack === undefined
      ? { name: 'silent', forMs }
      : { name: 'lacking', forMs, reason: messageOf(lack.cause) };
  }

  /** When {@link report} may have something to tell although nothing happens before, in ms; infinity when not. */
  get deadlineMs(): number {
    if (this.#told !== 'well') return Number.POSITIVE_INFINITY;
    return (this.#troubleSinceMs ?? Number.POSITIVE_INFINITY) + this.#options.silentAfterMs;
  }

  /** Since when something is lacking, or a write is under way for which nothing was lacking. */
  get #troubleSinceMs(): number | undefined {
    const { lack, lastOverMs } = this.#patience;
    if (lack !== undefined) return lack.sinceMs;
    const { busySinceMs } = this.#options.disk;
    return busySinceMs === undefined ? undefined : Math.max(busySinceMs, lastOverMs);
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
