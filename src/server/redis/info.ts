/** INFO: how this server is, in sections of lines. */

import type { Args } from '../../protocol/command.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { type RespValue, VerbatimText } from '../../protocol/resp/value.js';
import { isLeader, REDIS_VERSION, type RedisContext, replicasOf } from './context.js';

export function info(args: Args, _: RedisStream, context: RedisContext): RespValue {
  const chosen = SECTIONS.filter(([name]) => isWanted(name, args));
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

const ALL_SECTIONS = ['all', 'default', 'everything'];

/** Whether INFO with these arguments tells about keys, and so is a read. */
export function tellsOfKeys(args: Args): boolean {
  return isWanted('Keyspace', args);
}

function isWanted(section: string, args: Args): boolean {
  const wanted = args.map((word) => word.toLowerCase());
  return (
    wanted.length === 0 ||
    wanted.includes(section.toLowerCase()) ||
    wanted.some((one) => ALL_SECTIONS.includes(one))
  );
}

const SECONDS_PER_DAY = 86_400;
const MICROSECONDS_PER_S = 1_000_000;
const MS_PER_S = 1_000;

const SECTIONS: readonly (readonly [name: string, lines: (context: RedisContext) => string[]])[] = [
  ['Server', describeServer],
  [
    'Clients',
    ({ connectionCount, pubSub }) => [
      `connected_clients:${connectionCount}`,
      `pubsub_clients:${pubSub.count}`,
      'blocked_clients:0',
      'tracking_clients:0',
    ],
  ],
  ['Memory', describeMemory],
  ['Persistence', describePersistence],
  ['Stats', describeStats],
  ['Replication', describeReplication],
  ['CPU', describeCpu],
  ['Cluster', () => ['cluster_enabled:1']],
  [
    'Keyspace',
    ({ keys }) =>
      keys === undefined || keys.count === 0
        ? []
        : [`db0:keys=${keys.count},expires=${keys.volatileCount},avg_ttl=0`],
  ],
];

function describeServer({ nowMs, startedAtMs, own, process: { pid } }: RedisContext): string[] {
  const uptimeS = Math.floor((nowMs - startedAtMs) / MS_PER_S);
  return [
    `redis_version:${REDIS_VERSION}`,
    'redis_mode:cluster',
    `os:${process.platform}`,
    `arch_bits:${/64|s390x/.test(process.arch) ? 64 : 32}`,
    'multiplexing_api:libuv',
    `process_id:${pid}`,
    `tcp_port:${own.port}`,
    `server_time_usec:${Math.floor(nowMs) * MS_PER_S}`,
    `uptime_in_seconds:${uptimeS}`,
    `uptime_in_days:${Math.floor(uptimeS / SECONDS_PER_DAY)}`,
    'executable:',
    'config_file:',
  ];
}

/** The heap is this server's; what is resident is the whole program's. */
function describeMemory({ process: facts }: RedisContext): string[] {
  const { heapUsed, rss } = facts.memoryUsage();
  return [
    `used_memory:${heapUsed}`,
    `used_memory_human:${human(heapUsed)}`,
    `used_memory_rss:${rss}`,
    `used_memory_rss_human:${human(rss)}`,
    'maxmemory:0',
    'maxmemory_human:0B',
    'maxmemory_policy:noeviction',
    `mem_fragmentation_ratio:${(rss / heapUsed).toFixed(2)}`,
    'mem_allocator:v8',
  ];
}

function human(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T'];
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return unit === 0 ? `${bytes}B` : `${(bytes / 1024 ** unit).toFixed(2)}${units[unit]}`;
}

/** Each write is on disks before it is acknowledged. */
function describePersistence({ nowMs }: RedisContext): string[] {
  return [
    'loading:0',
    'async_loading:0',
    'rdb_changes_since_last_save:0',
    'rdb_bgsave_in_progress:0',
    `rdb_last_save_time:${Math.floor(nowMs / MS_PER_S)}`,
    'rdb_last_bgsave_status:ok',
    'aof_enabled:1',
    'aof_rewrite_in_progress:0',
    'aof_last_bgrewrite_status:ok',
    'aof_last_write_status:ok',
  ];
}

function describeStats({ stats, pubSub: { names } }: RedisContext): string[] {
  return [
    `total_connections_received:${stats.connections}`,
    `total_commands_processed:${stats.commands}`,
    `total_net_input_bytes:${stats.inputBytes}`,
    `total_net_output_bytes:${stats.outputBytes}`,
    'evicted_keys:0',
    `keyspace_hits:${stats.hits}`,
    `keyspace_misses:${stats.misses}`,
    `pubsub_channels:${names.channelCount}`,
    `pubsub_patterns:${names.patterns.size}`,
    `total_error_replies:${stats.errors}`,
  ];
}

function describeReplication(context: RedisContext): string[] {
  const { leader, leaderAddress, appliedIndex } = context;
  if (isLeader(context)) {
    const { length } = replicasOf(context);
    return ['role:master', `connected_slaves:${length}`, `master_repl_offset:${appliedIndex}`];
  }
  return [
    'role:slave',
    `master_host:${leaderAddress.host}`,
    `master_port:${leaderAddress.port}`,
    `master_link_status:${leader === undefined ? 'down' : 'up'}`,
    'slave_read_only:1',
    `slave_repl_offset:${appliedIndex}`,
  ];
}

/** The CPU time of the whole program. */
function describeCpu({ process: facts }: RedisContext): string[] {
  const { user, system } = facts.cpuUsage();
  const seconds = (microseconds: number) => (microseconds / MICROSECONDS_PER_S).toFixed(6);
  return [
    `used_cpu_sys:${seconds(system)}`,
    `used_cpu_user:${seconds(user)}`,
    'used_cpu_sys_children:0.000000',
    'used_cpu_user_children:0.000000',
  ];
}
