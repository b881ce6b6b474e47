/** SLOWLOG: what it tells of the slow log. */

import type { Args } from '../../protocol/command.js';
import { parseSafeInteger } from '../../protocol/resp/numbers.js';
import { ErrorReply, OK, type RespValue } from '../../protocol/resp/value.js';
import { MAX_SLOW_LOG_ENTRIES } from '../../redis-limits.js';
import type { SlowLog } from '../slow-log.js';
import { container, type LocalCommand, type Subcommand } from './container.js';

const BAD_COUNT = new ErrorReply('ERR count should be greater than or equal to -1');
const WRONG_COUNT = new ErrorReply(
  "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
);
const DEFAULT_COUNT = 10;
const ALL = -1;

function get(log: SlowLog, [countText]: Args): RespValue {
  const count = countText === undefined ? DEFAULT_COUNT : parseSafeInteger(countText);
  if (count === undefined || count < ALL) return BAD_COUNT;
  return log
    .take(count === ALL ? MAX_SLOW_LOG_ENTRIES : count)
    .map(
      ({ id, atMs, tookUs, args, from, clientName }): RespValue => [
        id,
        Math.floor(atMs / 1000),
        Math.round(tookUs),
        args,
        from,
        clientName,
      ],
    );
}

const SUBCOMMANDS = new Map<string, Subcommand>([
  [
    'get',
    {
      arity: -2,
      help: ['GET [<count>]', 'Return the newest entries: id, time, microseconds, arguments, address, name.'],
      run: (args, _, { settings: { slowLog } }) => (args.length > 1 ? WRONG_COUNT : get(slowLog, args)),
    },
  ],
  [
    'len',
    {
      arity: 2,
      help: ['LEN', 'Return the number of entries.'],
      run: (_args, _stream, { settings: { slowLog } }) => slowLog.length,
    },
  ],
  [
    'reset',
    {
      arity: 2,
      help: ['RESET', 'Forget all entries.'],
      run: (_args, _stream, { settings: { slowLog } }) => {
        slowLog.clear();
        return OK;
      },
    },
  ],
]);

export const slowlog: LocalCommand = container('slowlog', SUBCOMMANDS);
