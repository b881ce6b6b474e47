/** What the Redis commands of this folder can tell of the server that answers them. */

import type { ProcessFacts } from '../../environment.js';
import type { ClientFacts } from '../../protocol/resp/client-facts.js';
import type { Changeable } from './settings.js';
import type { StatsReading } from './stats.js';

/** The Redis whose commands these are, for clients that ask. */
export const REDIS_VERSION = '7.2.0';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisMember extends RedisAddress {
  readonly id: number;
  /** Whether it serves, as far as the server knows that answers. */
  readonly isUp: boolean;
}

/** Who is subscribed to what at this server. */
export interface PubSub {
  /** Connections with a subscription. */
  readonly count: number;
  /** What all subscriptions count towards the limit. */
  readonly byteLength: number;
  readonly names: {
    readonly channelCount: number;
    readonly patterns: { readonly size: number };
    channels(): Iterable<string>;
    /** Undefined for a channel that nobody is subscribed to. */
    receiversOf(channel: string): { readonly size: number } | undefined;
  };
}

export interface RedisContext {
  readonly serverId: number;
  readonly leader: number | undefined;
  /** Where clients of this server connect, and of the leader: a host '' and a port 0 where that is not known. */
  readonly own: RedisAddress;
  readonly leaderAddress: RedisAddress;
  /** The servers whose votes count, in the order in which clients see them. */
  readonly members: readonly RedisMember[];
  /** On how many servers besides the leader each acknowledged write is at least. */
  readonly replicasOfWrite: number;
  /** How many keys there are, and how many have a deadline; undefined if nobody knows whether this server's are current. */
  readonly keys: { readonly count: number; readonly volatileCount: number } | undefined;
  /** The connection that the command came in on. */
  readonly self: () => ClientFacts;
  /** Whether there is room for one more in MONITOR. */
  readonly mayMonitor: boolean;
  readonly settings: Changeable;
  readonly pubSub: PubSub;
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

/** The other servers that serve. */
export function replicasOf({ members, serverId }: RedisContext): readonly RedisMember[] {
  return members.filter(({ id, isUp }) => id !== serverId && isUp);
}

export function isLeader({ leader, serverId }: RedisContext): boolean {
  return leader === serverId;
}
