/** Deliberate bugs of the library's client. */

import type { Mutant } from './mutant.js';

export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    name: 'send a write again without its number',
    file: 'client/dispatcher.js',
    search: 'if (number === undefined)',
    replacement: 'if (number === undefined || call.uncertainTries > 1)',
  },
  {
    name: 'say that replies are there that are still to come',
    file: 'client/write-session.js',
    search: 'this.#done} `;',
    replacement: 'seq - 1} `;',
  },
  {
    name: 'take a write that was not answered for one that did nothing',
    file: 'client/call.js',
    search: 'this.fail(this.isUncertain',
    replacement: 'this.fail(this.isUncertain && reason === undefined',
  },
  {
    name: 'give the reply of a call that is over to the next one',
    file: 'client/connection.js',
    search: 'const call = this.#inFlight.shift();',
    replacement:
      'let call = this.#inFlight.shift();\n        while (call?.isOver && this.#inFlight.length > 0)\n            call = this.#inFlight.shift();',
  },
  {
    name: 'answer what a client in this process looks up whoever leads',
    file: 'server/clients/lookups.js',
    search: 'const isFree = !isLate && inFlight.hasRoom && mayAnswerGets();',
    replacement: 'const isFree = true;',
    foundBy: 'server/clients/lookups',
  },
  {
    name: 'answer a lookup by the lease of the turn before',
    file: 'server/clients/lookups.js',
    search: 'this.#options.reads.prepare(nowMs);',
    replacement: '',
    foundBy: 'server/clients/lookups',
  },
];
