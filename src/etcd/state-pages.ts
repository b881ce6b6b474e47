/** Reads keys with their records in the order of their bytes, as of one revision: the state that a watcher begins with. */

import type { Environment } from '../environment.js';
import { READ_TIMEOUT_MS, RECORDS_OF_PAGE } from '../etcd-limits.js';
import { EtcdLongAnswerError, EtcdRefusalError } from './etcd-errors.js';
import type { EtcdKeys, EtcdRecord, RecordsPage } from './etcd-keys.js';
import { isUnanswered, patiently } from './patience.js';
import { modRevisionOf } from './revisions.js';
import { isOver } from './scratch.js';

export interface EtcdStatePagesOptions {
  readonly environment: Environment;
  readonly keys: EtcdKeys;
  readonly timeMs: () => number;
}

export class EtcdStatePages {
  readonly #options: EtcdStatePagesOptions;

  constructor(options: EtcdStatePagesOptions) {
    this.#options = options;
  }

  /**
   * The next keys with the prefix, after that one. Undefined where etcd keeps no state of that revision any more, or does not
   * answer. Keys past their deadlines are removed first: that is told after the state.
   */
  async read(prefix: string, after: string | undefined, revision: number): Promise<RecordsPage | undefined> {
    const { environment, timeMs } = this.#options;
    const from = after === undefined ? prefix : `${after}\0`;
    let maxKeys = RECORDS_OF_PAGE;
    while (true) {
      try {
        const start = { prefix, from, maxKeys, modRevision: modRevisionOf(revision) };
        const page = await patiently(environment, () => this.#options.keys.recordsPage(start));
        const nowMs = timeMs();
        for (const [key, record] of page.records) if (isOver(record, nowMs)) await this.#remove(key, record);
        return page;
      } catch (error) {
        if (error instanceof EtcdLongAnswerError && maxKeys > 1) maxKeys = Math.floor(maxKeys / 2);
        else if (error instanceof EtcdRefusalError || isUnanswered(error)) return undefined;
        else throw error;
      }
    }
  }

  #remove(key: string, record: EtcdRecord): Promise<number | undefined> {
    const { keys } = this.#options;
    return keys.write(new Map([[key, record]]), [{ key, stored: undefined }], READ_TIMEOUT_MS);
  }
}
