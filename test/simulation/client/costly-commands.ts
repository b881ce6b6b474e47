/**
 * Commands that take a server long, on keys of their own: what they do is not in the history. A turn must stay short, and
 * others must be served.
 */

import type { Random } from '../../../tools/support/random.js';
import { type Command, FINE, WRONG } from './command.js';
import { multi, queued, respCommand } from './resp-commands.js';

const FILL = 'costly fill';
const COPY = 'costly copy';
const FILL_BYTES = 400_000;
/** To copy the value this often is more than a turn may do. */
const COPIES = 60;
/** A value, and a reply of it that is longer than a turn may write. */
const LONG = 'costly long';
const LONG_BYTES = 40_000;
const LONG_TIMES = 60;
const MANY_KEYS = Array.from({ length: 400 }, (_, i) => `costly ${i}`);

export function costlyCommands(random: Random): readonly Command[] {
  switch (random.below(7)) {
    case 0:
    case 1:
      // What is large goes at its end: no snapshot becomes so.
      return [
        multi(),
        queued(['SETRANGE', FILL, `${FILL_BYTES + random.below(FILL_BYTES)}`, 'end']),
        ...Array.from({ length: COPIES }, () => queued(['COPY', FILL, COPY, 'REPLACE'])),
        queued(['GET', COPY]),
        queued(['DEL', FILL, COPY]),
        costly(['EXEC']),
      ];
    case 2:
      return [costly(['KEYS', random.of(['costly*', `*${'a'.repeat(50)}[b-d]`, '*'])])];
    case 3:
      return [costly(['SETRANGE', LONG, `${LONG_BYTES}`, 'end'])];
    case 4:
      // What follows on the same connection waits until that is written.
      return [costly(['MGET', ...Array.from({ length: LONG_TIMES }, () => LONG)])];
    case 5:
      return [costly(['MSET', ...MANY_KEYS.flatMap((key) => [key, 'x'])])];
    default:
      return [costly(['DEL', ...MANY_KEYS])];
  }
}

/** Whatever comes of it is fine, if it is no error that may not come to it. */
function costly(args: readonly string[]): Command {
  return respCommand(args, undefined, (reply) => {
    if (reply.type !== 'error') return FINE;
    return /^(?:UNKNOWN|EXECABORT|TRYAGAIN) /.test(reply.text) ? FINE : WRONG;
  });
}
