/** What the Redis commands of this folder can tell of the server that answers them. */

import type { ProcessFacts } from '../../environment.js';
import type { ClientFacts } from '../../protocol/resp/client-facts.js';
import type { SlowLog } from '../slow-log.js';
import type { StatsReading } from './stats.js';

/** The Redis whose commands these are, for clients that ask. */
export const REDIS_VERSION = '7.2.0';

export interface RedisContext {
  readonly serverId: number;
  readonly leader: number | undefined;
  /** Where the clients of each server connect, by server id. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Whether that server serves, as far as this one knows: it is joined with it, or is that one. */
  readonly isUp: (serverId: number) => boolean;
  /** How many keys there are, and how many have a deadline; undefined if nobody knows whether this server's are current. */
  readonly keys: { readonly count: number; readonly volatileCount: number } | undefined;
  /** The connection that the command came in on. */
  readonly self: () => ClientFacts;
  /** Whether there is room for one more in MONITOR. */
  readonly mayMonitor: boolean;
  readonly slowLog: SlowLog;
  readonly stats: StatsReading;
  /** How far the log is applied. */
  readonly appliedIndex: number;
  /** What the operating system knows of the process. */
  readonly process: ProcessFacts;
  /** Connections to this server. */
  readonly connectionCount: number;
  /** The time in ms since the epoch. */
  readonly nowMs: number;
  /** When the server began to serve, in ms since the epoch. */
  readonly startedAtMs: number;
}

export function isLeader({ leader, serverId }: RedisContext): boolean {
  return leader === serverId;
}
