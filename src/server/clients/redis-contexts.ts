/** What the Redis commands about the server can tell, put together for the client that asks. */

import type { Environment } from '../../environment.js';
import type { LogTime } from '../../log-time.js';
import type { Args } from '../../protocol/command.js';
import type { ServerId } from '../../raft/types.js';
import type { ClientAddress } from '../../wire/control.js';
import type { AppliedState } from '../applied-state.js';
import type { Consensus } from '../consensus.js';
import type { RedisContext } from '../redis/context.js';
import { changeSettings } from '../redis/settings.js';
import { Stats, type StatsReading } from '../redis/stats.js';
import type { ServerMetrics } from '../server-metrics.js';
import { SlowLog } from '../slow-log.js';
import type { AddressBook } from './address-book.js';
import type { ClientConnection } from './client-connection.js';
import type { ClientConnections } from './client-connections.js';
import type { Monitors } from './monitors.js';
import type { ReplyFrames } from './reply-frames.js';
import type { Subscribers } from './subscriptions/subscribers.js';

export interface RedisContextsOptions {
  readonly environment: Pick<Environment, 'nowMs' | 'process'>;
  readonly logTime: LogTime;
  readonly raft: Pick<Consensus, 'leader'>;
  readonly state: AppliedState;
  readonly connections: ClientConnections;
  readonly monitors: Monitors;
  readonly subscribers: Subscribers;
  readonly replies: ReplyFrames;
  readonly metrics: ServerMetrics;
  readonly serverId: ServerId;
  readonly addressBook: AddressBook;
}

/** Stands for an unknown address. */
const NOWHERE: ClientAddress = { host: '', port: 0 };

export class RedisContexts {
  readonly slowLog = new SlowLog();
  readonly #options: RedisContextsOptions;
  readonly #startedAtMs: number;
  readonly #stats = new Stats(() => this.#readStats());

  constructor(options: RedisContextsOptions) {
    this.#options = options;
    this.#startedAtMs = options.logTime.nowMs();
  }

  /** Does what CONFIG has all servers do: SET with names and values, or RESETSTAT. */
  configure([subcommand, ...pairs]: Args): void {
    if (subcommand === 'SET') changeSettings(this.#settings, pairs);
    else this.#stats.reset();
  }

  get #settings() {
    return { slowLog: this.slowLog, notifications: this.#options.subscribers };
  }

  /** What the state says of the keys. */
  get keys(): NonNullable<RedisContext['keys']> {
    const { size: count, volatileCount } = this.#options.state.store;
    return { count, volatileCount };
  }

  /** @param keys undefined if nobody knows what keys there are now */
  of(client: ClientConnection, keys: RedisContext['keys']): RedisContext {
    const { environment, logTime, raft, state, connections, monitors, subscribers, addressBook, serverId } =
      this.#options;
    const seen = (id: ServerId | undefined) => {
      const address = id === undefined ? undefined : addressBook.addressOf(id);
      return address === undefined ? NOWHERE : client.seen(address);
    };
    return {
      serverId,
      leader: raft.leader,
      own: seen(serverId),
      leaderAddress: seen(raft.leader),
      members: addressBook.voters.map(({ id, address, isUp }) => ({ id, isUp, ...client.seen(address) })),
      replicasOfWrite: addressBook.replicasOfWrite,
      keys,
      mayMonitor: !monitors.isFull,
      settings: this.#settings,
      pubSub: subscribers,
      stats: this.#stats.read(),
      appliedIndex: state.position.index,
      self: () => client.facts(environment.nowMs()),
      process: environment.process,
      connectionCount: connections.count,
      nowMs: logTime.nowMs(),
      startedAtMs: this.#startedAtMs,
    };
  }

  #readStats(): StatsReading {
    const { metrics, connections, replies } = this.#options;
    const { all, errors, hits, misses } = metrics.commandCounts;
    return {
      connections: connections.openedCount,
      commands: all,
      errors,
      hits,
      misses,
      inputBytes: connections.receivedBytes,
      outputBytes: replies.writtenBytes,
    };
  }
}
