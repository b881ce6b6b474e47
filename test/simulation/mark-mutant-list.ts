/** Deliberate bugs of the marks by which the router's repeats are known. */

import type { Mutant } from './mutant.js';

export const MARK_MUTANTS: readonly Mutant[] = [
  {
    name: 'execute a repeat of the router’s again',
    file: 'state-machine/marks/router-marks.js',
    search: 'this.#repeatedTo = this.#highest[slot] ?? 0;',
    replacement: 'this.#repeatedTo = 0;',
  },
  {
    name: 'forget the results of marks too early',
    file: 'state-machine/marks/outcomes.js',
    search: 'this.#previous = previous;',
    replacement: 'this.#previous = NO_RUN;',
  },
  {
    name: 'leave marks out of snapshots',
    file: 'state-machine/marks/router-marks.js',
    search: 'connections: this.#connections.slice(0, this.#slotCount)',
    replacement: 'connections: this.#connections.slice(0, 0)',
  },
  {
    name: 'answer a repeat with the result of another command',
    file: 'state-machine/marks/router-marks.js',
    search: 'this.#outcomes.find(last, this.#place + this.#stride)',
    replacement: 'this.#outcomes.find(last, this.#place)',
  },
  {
    name: 'say of a repeat that it stands elsewhere in its stream',
    file: 'gateway/mark-slots.js',
    search: 'place: answeredLength,',
    replacement: 'place: 0,',
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
    search: 'return store.markOf(mark.slot, connection) > mark.place + endOffset;',
    replacement: 'return false;',
  },
];
