/** What a watcher of all names is told, as updates and removals of one name each. */

import type { Change } from '../client/changes.js';
import type { KeyFolder } from './key-folder.js';

export type NameEvent = 'update' | 'remove';

/**
 * Knows which names there are, and the revision at which each was changed last: so it can tell what is removed when all are, or
 * while changes were missed. Its memory grows with the names, not with their values.
 */
export class WatchedNames {
  readonly #folder: KeyFolder;
  readonly #tell: (event: NameEvent, name: string) => void;
  #revisions = new Map<string, number>();
  /** Names of the state that is being told, if one is. */
  #seen: Set<string> | undefined = new Set();
  #hasBegun = false;

  constructor(folder: KeyFolder, tell: (event: NameEvent, name: string) => void) {
    this.#folder = folder;
    this.#tell = (event, name) => {
      if (this.#hasBegun) tell(event, name);
    };
  }

  /** Whether all names were told once. Nothing is told before. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The next change of a watch from revision 0 on. */
  take(change: Change): void {
    switch (change.type) {
      case 'set':
      case 'changed':
        this.#update(this.#folder.nameOf(change.key), change.revision);
        break;
      case 'deleted':
      case 'expired':
        this.#remove(this.#folder.nameOf(change.key));
        break;
      case 'flushed':
        this.#removeAllBut(new Set());
        break;
      case 'reset':
        this.#seen = new Set();
        break;
      case 'synced':
        this.#removeAllBut(this.#seen ?? new Set());
        this.#seen = undefined;
        this.#hasBegun = true;
        break;
    }
  }

  #update(name: string, revision: number): void {
    this.#seen?.add(name);
    if (this.#revisions.get(name) === revision) return;
    this.#revisions.set(name, revision);
    this.#tell('update', name);
  }

  #remove(name: string): void {
    if (this.#revisions.delete(name)) this.#tell('remove', name);
  }

  #removeAllBut(kept: ReadonlySet<string>): void {
    const gone = [...this.#revisions.keys()].filter((name) => !kept.has(name));
    for (const name of gone) this.#remove(name);
  }
}
