/** The changes of keys in etcd, as those who watch are told of them. */

import type { EtcdChanges } from '../../etcd/etcd-changes.js';
import { EtcdRefusalError } from '../../etcd/etcd-errors.js';
import { isUnanswered } from '../../etcd/patience.js';
import type { ChangeSource, ChangeStore, StatePages } from '../clients/change-source.js';

export class EtcdChangeSource implements ChangeSource {
  readonly store: ChangeStore;
  readonly statePages: StatePages;
  readonly #changes: EtcdChanges;
  readonly #onFailure: (error: unknown) => void;
  /** From which revision on changes are fetched, or were and cannot be had. */
  #prepared = Number.POSITIVE_INFINITY;
  #isPreparing = false;

  /** @param onFailure a defect: the server cannot go on */
  constructor(changes: EtcdChanges, statePages: StatePages, onFailure: (error: unknown) => void) {
    this.#changes = changes;
    this.statePages = statePages;
    this.#onFailure = onFailure;
    this.store = {
      get history() {
        return changes.history;
      },
      get lastRevision() {
        return changes.lastRevision;
      },
      // Each change has its value, and the state is read page by page.
      get: () => undefined,
      walk: () => {
        throw new TypeError('the state is in etcd');
      },
    };
  }

  get revisionAtEntry(): number {
    return this.#changes.lastRevision;
  }

  prepare(revision: number): boolean {
    const { history, lastRevision } = this.#changes;
    if (lastRevision > 0 && (history.keepsFrom(revision) || this.#prepared === history.first)) return true;
    if (!this.#isPreparing) this.#prepare(revision).catch(this.#onFailure);
    return false;
  }

  async #prepare(revision: number): Promise<void> {
    this.#isPreparing = true;
    try {
      await this.#changes.reach(revision);
      // What could not be had now cannot be had later.
      this.#prepared = this.#changes.history.first;
    } catch (error) {
      if (!isUnanswered(error) && !(error instanceof EtcdRefusalError)) throw error;
    } finally {
      this.#isPreparing = false;
    }
    // They are asked again whether they are prepared.
    this.statePages.onRead();
  }
}
