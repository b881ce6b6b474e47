/** Deliberate bugs of the places by which the router's repeats are known. */

import type { Mutant } from './mutant.js';

export const DEDUPE_MUTANTS: readonly Mutant[] = [
  {
    name: 'execute a repeat of the router’s again',
    file: 'state-machine/router-dedupe/router-dedupe.js',
    search: 'this.#repeatedTo = this.#highest[row] ?? 0;',
    replacement: 'this.#repeatedTo = 0;',
  },
  {
    name: 'forget the results for the router too early',
    file: 'state-machine/router-dedupe/outcomes.js',
    search: 'this.#previous = previous;',
    replacement: 'this.#previous = NO_RUN;',
  },
  {
    name: 'leave the places of the router’s connections out of snapshots',
    file: 'state-machine/router-dedupe/router-dedupe.js',
    search: 'connections: this.#connections.slice(0, this.#rowCount)',
    replacement: 'connections: this.#connections.slice(0, 0)',
  },
  {
    name: 'answer a repeat with the result of another command',
    file: 'state-machine/router-dedupe/router-dedupe.js',
    search: 'this.#outcomes.find(last, this.#place + this.#stride)',
    replacement: 'this.#outcomes.find(last, this.#place)',
  },
  {
    name: 'say of a repeat that it stands elsewhere in its stream',
    file: 'gateway/dedupe-rows.js',
    search: 'place: answeredLength,',
    replacement: 'place: 0,',
  },
  {
    name: 'refuse an EXEC for the change that it has made itself',
    foundBy: 'server/clients/failed-watches',
    file: 'server/clients/failed-watches.js',
    search: '|| repeatKeyOf(command) !== undefined',
    replacement: '',
  },
  {
    name: 'refuse an EXEC that the lost leader has executed',
    file: 'protocol/resp/redis-stream.js',
    search: 'if (refusal === LEADER_CHANGED)\n            return lostTransaction(refusal);',
    replacement: '',
  },
  {
    name: 'execute a read that a later write has overtaken',
    file: 'server/clients/overtaken.js',
    search: 'return store.highestPlaceOf(key.row, client.connection) > key.place + endOffset;',
    replacement: 'return false;',
  },
];
