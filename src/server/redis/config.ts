/** CONFIG: what clients ask for, with what is true here. */

import type { Args } from '../../protocol/command.js';
import { SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { ErrorReply, MapReply, OK, type RespValue } from '../../protocol/resp/value.js';
import { matchesGlob } from '../../state-machine/redis/glob.js';
import { ClusterQuestion } from './cluster-question.js';
import { container, type LocalCommand, type Subcommand } from './container.js';
import type { RedisContext } from './context.js';
import { refusalOfSettings, settings } from './settings.js';

const NO_FILE = new ErrorReply('ERR The server is running without a config file');

function get(patterns: Args, _: RedisStream, { settings: changeable }: RedisContext): RespValue {
  const wanted = new Set(patterns.map((pattern) => pattern.toLowerCase()));
  const distinct = [...wanted];
  return new MapReply(
    settings(changeable).filter(
      ([name]) => wanted.has(name) || distinct.some((pattern) => matchesGlob(pattern, name)),
    ),
  );
}

function set(pairs: Args): RespValue | ClusterQuestion {
  if (pairs.length % 2 !== 0) return SYNTAX_ERROR;
  return refusalOfSettings(pairs) ?? new ClusterQuestion(['CONFIG', 'SET', ...pairs], () => OK);
}

const SUBCOMMANDS = new Map<string, Subcommand>([
  [
    'get',
    { arity: -3, help: ['GET <pattern> [<pattern> ...]', 'Return settings and their values.'], run: get },
  ],
  [
    'resetstat',
    {
      arity: 2,
      help: ['RESETSTAT', 'Have the counts in INFO begin at 0, at all servers.'],
      run: () => new ClusterQuestion(['CONFIG', 'RESETSTAT'], () => OK),
    },
  ],
  ['rewrite', { arity: 2, help: ['REWRITE', 'An error: there is no file.'], run: () => NO_FILE }],
  [
    'set',
    {
      arity: -4,
      help: [
        'SET <name> <value> [<name> <value> ...]',
        'Change slowlog-log-slower-than, slowlog-max-len or notify-keyspace-events, at all servers.',
      ],
      run: set,
    },
  ],
]);

export const config: LocalCommand = container('config', SUBCOMMANDS);
