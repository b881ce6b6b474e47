/** Deliberate bugs of revisions and watches. */

import type { Mutant } from './mutant.js';

export const WATCH_MUTANTS: readonly Mutant[] = [
  {
    name: 'tell a watcher its last change again at the next leader',
    file: 'server/clients/watches/watch.js',
    search: 'revision: this.state === undefined ? this.next : 0',
    replacement: 'revision: this.state === undefined ? Math.max(1, this.next - 1) : 0',
  },
  {
    name: 'leave watchers out what an installed snapshot brought',
    file: 'server/clients/watches/watchers.js',
    search: 'this.#lag(watch);',
    replacement: 'this.#lag(watch, this.#store.lastRevision + 1);',
  },
  {
    name: 'tell a watcher the state as of an earlier change',
    file: 'server/clients/watches/watchers.js',
    search: 'this.#tell(watch, markLine(lastRevision), lastRevision + 1);',
    replacement: 'this.#tell(watch, markLine(lastRevision - 1), lastRevision);',
  },
];
