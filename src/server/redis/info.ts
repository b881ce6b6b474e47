/** INFO: how this server is, in sections of lines. */

import type { Args } from '../../protocol/command.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { type RespValue, VerbatimText } from '../../protocol/resp/value.js';
import { isLeader, REDIS_VERSION, type RedisContext } from './context.js';

export function info(args: Args, _: RedisStream, context: RedisContext): RespValue {
  const wanted = args.map((word) => word.toLowerCase());
  const isAll = wanted.length === 0 || wanted.some((one) => ['all', 'default', 'everything'].includes(one));
  const chosen = SECTIONS.filter(([name]) => isAll || wanted.includes(name.toLowerCase()));
  return new VerbatimText(
    chosen
      .map(
        ([name, lines]) =>
          `# ${name}\r\n${lines(context)
            .map((line) => `${line}\r\n`)
            .join('')}`,
      )
      .join('\r\n'),
  );
}

const SECTIONS: readonly (readonly [name: string, lines: (context: RedisContext) => string[]])[] = [
  [
    'Server',
    ({ nowMs, startedAtMs }) => [
      `redis_version:${REDIS_VERSION}`,
      'redis_mode:cluster',
      `process_id:${process.pid}`,
      `uptime_in_seconds:${Math.floor((nowMs - startedAtMs) / 1000)}`,
    ],
  ],
  ['Clients', ({ connectionCount }) => [`connected_clients:${connectionCount}`]],
  ['Memory', () => [`used_memory:${process.memoryUsage().heapUsed}`, 'maxmemory:0']],
  ['Persistence', () => ['loading:0', 'aof_enabled:1']],
  [
    'Replication',
    (context) => {
      const { leader, addresses } = context;
      const address = leader === undefined ? undefined : addresses[leader];
      if (isLeader(context)) return ['role:master', `connected_slaves:${addresses.length - 1}`];
      return [
        'role:slave',
        `master_host:${address?.host ?? ''}`,
        `master_port:${address?.port ?? 0}`,
        `master_link_status:${address === undefined ? 'down' : 'up'}`,
      ];
    },
  ],
  ['Cluster', () => ['cluster_enabled:1']],
  [
    'Keyspace',
    ({ keyCount, volatileCount }) =>
      keyCount === 0 ? [] : [`db0:keys=${keyCount},expires=${volatileCount},avg_ttl=0`],
  ],
];
