/** Election safety, as far as it shows from outside: at most one server says that it leads in a term. */

import { setTimeout as pause } from 'node:timers/promises';
import type { ProgramStatus } from '../support/program.js';
import type { Site } from './site.js';

const POLL_MS = 25;

export class LeaderWatch {
  readonly #leaders = new Map<number, number>();
  readonly #conflicts = new Set<string>();

  /**
   * Looks at what the program says of itself until the signal.
   *
   * @param onStatus gets each status, too
   */
  async run(site: Site, onStatus: (status: ProgramStatus) => void, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const status = await site.tell((program) => program.status());
      this.note(status);
      onStatus(status);
      await pause(POLL_MS);
    }
  }

  note({ servers }: ProgramStatus): void {
    for (const { id, role, term } of servers) {
      if (role !== 'leader') continue;
      const other = this.#leaders.get(term) ?? id;
      this.#leaders.set(term, other);
      if (other !== id) this.#conflicts.add(`servers ${other} and ${id} both led in term ${term}`);
    }
  }

  /** How many terms had a leader that was seen. */
  get terms(): number {
    return this.#leaders.size;
  }

  /** One line for each term that had two. */
  get conflicts(): readonly string[] {
    return [...this.#conflicts];
  }
}
