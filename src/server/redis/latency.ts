/** LATENCY: no events are sampled here, so its replies are empty; the admin API has metrics. */

import { ErrorReply, MapReply } from '../../protocol/resp/value.js';
import { container, type LocalCommand, type Subcommand } from './container.js';

const SUBCOMMANDS = new Map<string, Subcommand>([
  [
    'doctor',
    {
      arity: 2,
      help: ['DOCTOR', 'Refer to the metrics.'],
      run: () => 'Events are not sampled here. See the metrics of the admin API: GET /metrics.',
    },
  ],
  [
    'graph',
    {
      arity: 3,
      help: ['GRAPH <event>', 'An error: there are no samples.'],
      run: ([event = '']) => new ErrorReply(`ERR No samples available for event '${event}'`),
    },
  ],
  [
    'histogram',
    { arity: -2, help: ['HISTOGRAM [<command> ...]', 'Return nothing.'], run: () => new MapReply([]) },
  ],
  ['history', { arity: 3, help: ['HISTORY <event>', 'Return nothing.'], run: () => [] }],
  ['latest', { arity: 2, help: ['LATEST', 'Return nothing.'], run: () => [] }],
  ['reset', { arity: -2, help: ['RESET [<event> ...]', 'Return 0.'], run: () => 0 }],
]);

export const latency: LocalCommand = container('latency', SUBCOMMANDS);
