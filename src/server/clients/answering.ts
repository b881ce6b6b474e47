/**
 * Answers each command: makes its reply from the applied state, and notes with its client that it is answered. The callers
 * keep the order: a client's commands are answered in the order in which they came.
 */

import type { Environment } from '../../environment.js';
import { MAX_REPLY_BACKLOG_BYTES } from '../../limits.js';
import type { LogTime } from '../../log-time.js';
import type { Args, CommandResult } from '../../protocol/command.js';
import { metaReply, PushReply, type Reply, type RespReply } from '../../protocol/reply.js';
import type {
  AuthRequest,
  RedisLocalRequest,
  RedisReadRequest,
  RedisWatchRequest,
} from '../../protocol/request.js';
import { mayHoldPassword } from '../../protocol/resp/access.js';
import { endpoint } from '../../protocol/resp/client-facts.js';
import { OK, QUEUED, type RespValue } from '../../protocol/resp/value.js';
import type { ServerId } from '../../raft/types.js';
import {
  beginLongRead,
  executeRead,
  isLongWatch,
  type ShortRead,
} from '../../state-machine/redis/execute.js';
import type { ReadableKeyspace } from '../../state-machine/redis/keyspace.js';
import { watch, watchAll } from '../../state-machine/redis/transaction.js';
import type { Steps } from '../../state-machine/work.js';
import type { AppliedState } from '../applied-state.js';
import type { Consensus } from '../consensus.js';
import { ClusterQuestion } from '../redis/cluster-question.js';
import type { RedisContext } from '../redis/context.js';
import { executeLocal } from '../redis/local-commands.js';
import type { ServerMetrics } from '../server-metrics.js';
import type { AddressBook } from './address-book.js';
import type { ClientConnection, PendingCommand } from './client-connection.js';
import type { ClientConnections } from './client-connections.js';
import type { CostlyReads } from './costly-reads.js';
import type { FairQueue } from './fair-queue.js';
import type { InFlight } from './in-flight.js';
import type { Listeners } from './listeners.js';
import type { Monitors } from './monitors.js';
import { isOvertaken, OVERTAKEN } from './overtaken.js';
import type { Questions } from './questions.js';
import { RedisContexts } from './redis-contexts.js';
import type { ReplyFrames } from './reply-frames.js';
import {
  COMMAND_ERROR,
  replyTo,
  UNAUTHENTICATED,
  unexecutedReply,
  valueReply,
  visibleReply,
} from './visible-replies.js';
import type { Walks } from './walks.js';
import type { WorkTurns } from './work-turns.js';

export interface AnswererOptions {
  readonly environment: Pick<Environment, 'nowMs' | 'process'>;
  readonly logTime: LogTime;
  readonly raft: Pick<Consensus, 'leader'>;
  readonly state: AppliedState;
  readonly connections: ClientConnections;
  readonly queue: FairQueue;
  readonly inFlight: InFlight;
  readonly costlyReads: CostlyReads;
  readonly walks: Walks;
  readonly listeners: Listeners;
  readonly turns: WorkTurns;
  readonly questions: Questions;
  readonly monitors: Monitors;
  readonly replies: ReplyFrames;
  readonly metrics: ServerMetrics;
  readonly serverId: ServerId;
  readonly addressBook: AddressBook;
}

interface NamedCommand {
  readonly name: string;
  readonly args: Args;
}

export class Answerer {
  readonly #environment: Pick<Environment, 'nowMs'>;
  readonly #logTime: LogTime;
  readonly #raft: AnswererOptions['raft'];
  readonly #state: AppliedState;
  readonly #connections: ClientConnections;
  readonly #queue: FairQueue;
  readonly #inFlight: InFlight;
  readonly #costlyReads: CostlyReads;
  readonly #walks: Walks;
  readonly #listeners: Listeners;
  readonly #turns: WorkTurns;
  /** Time that reads, and commands about the server itself, have taken so far, in ms. */
  readMs = 0;
  readonly #questions: Questions;
  readonly #monitors: Monitors;
  readonly #replies: ReplyFrames;
  readonly #metrics: ServerMetrics;
  readonly contexts: RedisContexts;
  readonly #addressBook: AddressBook;

  constructor(options: AnswererOptions) {
    this.#environment = options.environment;
    this.#logTime = options.logTime;
    this.#raft = options.raft;
    this.#state = options.state;
    this.#connections = options.connections;
    this.#queue = options.queue;
    this.#inFlight = options.inFlight;
    this.#costlyReads = options.costlyReads;
    this.#walks = options.walks;
    this.#listeners = options.listeners;
    this.#turns = options.turns;
    this.#questions = options.questions;
    this.#monitors = options.monitors;
    this.#replies = options.replies;
    this.#metrics = options.metrics;
    this.contexts = new RedisContexts({ ...options, subscribers: options.listeners.subscribers });
    this.#addressBook = options.addressBook;
  }

  /** Answers a write that was applied. */
  write(command: PendingCommand, result: CommandResult): void {
    const reply = replyTo(command.request, result);
    this.#answer(command, visibleReply(command.request, reply), reply);
  }

  /** Answers a command that writes nothing, from the state as it is now. */
  fromState(command: PendingCommand): void {
    const { request, client } = command;
    if (this.endIfGone(command)) return;
    if (command.isElsewhere) {
      this.unexecuted(command, this.redirect(client) ?? { type: 'no-leader' });
      return;
    }
    switch (request.type) {
      case 'get':
        this.#answerRead(command, valueReply(this.#state.value(request.key, command.asOfMs)));
        return;
      case 'getm':
      case 'gets':
        this.#answerRead(
          command,
          metaReply(request, this.#readable(command).get(request.key), this.#logTime.nowMs()),
        );
        return;
      case 'watch': {
        const reply = this.#listeners.watchers.begin(command, request, this.#environment.nowMs());
        this.#answer(command, reply, reply ?? { type: 'watching', revision: 0 });
        return;
      }
      case 'unwatch':
        this.#listeners.watchers.end(client);
        this.#answerRead(command, { type: 'unwatched' });
        return;
      case 'auth':
        this.#authenticate(command, request);
        return;
      case 'locked':
        this.#answerRead(command, UNAUTHENTICATED);
        return;
      case 'malformed':
        this.#answer(command, visibleReply(request, COMMAND_ERROR), COMMAND_ERROR);
        return;
      case 'redis-read':
        this.readNow(command, request);
        return;
      case 'redis-walk':
        this.#walks.begin(command, request, this.#asOf(command));
        return;
      case 'redis-watch':
        client.redis?.watched(request.keys.map((key) => watch(this.#readable(command), key)));
        this.#answerRead(command, { type: 'ok', version: 0 });
        return;
      case 'redis-fixed':
        this.#answerRead(command, { type: 'resp', value: request.value });
        return;
      case 'redis-local':
        this.local(command, request, this.contexts.keys);
        return;
      case 'redis-queued':
        this.#answerRead(command, { type: 'resp', value: QUEUED });
        return;
      default:
        throw new TypeError(`a ${request.type} cannot be answered without being applied`);
    }
  }

  /** Answers a command that writes nothing and was executed. */
  read(command: PendingCommand, value: RespValue): void {
    this.#answerRead(command, { type: 'resp', value });
  }

  /** Answers a command that writes nothing and was executed elsewhere. */
  tell(command: PendingCommand, reply: RespReply): void {
    this.#answerRead(command, reply);
  }

  /** The steps of a read that takes long; undefined for all others, which {@link fromState} answers. */
  beginLong(command: PendingCommand): Steps<RespValue> | undefined {
    const { request, client } = command;
    const isOver = command.isAnswered || client.isGone;
    if (isOver || command.isElsewhere) return undefined;
    if (request.type === 'redis-watch' && isLongWatch(request)) return this.#watchKeys(command, request);
    return request.type === 'redis-read' ? beginLongRead(this.#readable(command), request) : undefined;
  }

  *#watchKeys(command: PendingCommand, { keys }: RedisWatchRequest): Steps<RespValue> {
    const watched = yield* watchAll(this.#readable(command), keys);
    command.client.redis?.watched(watched);
    return OK;
  }

  /** Answers a command that is not executed here: `outcome` says why. */
  unexecuted(command: PendingCommand, outcome: Reply): void {
    const { request, client } = command;
    if (this.endIfGone(command)) return;
    if (request.type === 'watch') client.endWatch();
    if (request.type === 'unwatch') this.fromState(command);
    else if (request.type === 'redis-local') this.local(command, request, undefined);
    else if (request.type === 'auth') this.#authenticate(command, request);
    else this.#answer(command, unexecutedReply(command, outcome), outcome);
  }

  /** The redirect to the leader; undefined while no leader is known. */
  redirect(client: ClientConnection): Reply | undefined {
    const { leader } = this.#raft;
    const address = leader === undefined ? undefined : this.#addressBook.addressOf(leader);
    return address === undefined ? undefined : { type: 'redirect', ...client.seen(address) };
  }

  /** The command waits no more, and gives back what it held. All commands end here, those of clients that are gone, too. */
  #end(command: PendingCommand): void {
    const { client } = command;
    command.isAnswered = true;
    client.pendingCount -= 1;
    if (command.pendingUnits > 0) this.#turns.ended(command);
    client.addUnread(-command.reservedBytes);
    if (client.pendingCount === 0) client.largestWriteBytes = 0;
  }

  /** Ends the command if its client is gone, for whom nothing is done. Returns whether it is ended or answered. */
  endIfGone(command: PendingCommand): boolean {
    if (!command.isAnswered && command.client.isGone) this.#end(command);
    return command.isAnswered;
  }

  /** Answers the command; without a reply, the client learns nothing of the outcome. */
  #answer(command: PendingCommand, reply: RespReply | undefined, outcome: RespReply): void {
    if (command.isAnswered) return;
    this.#metrics.answered(command.request.type, reply ?? outcome, command.takenAtMs);
    const sent = command.isSilenced && reply?.type !== 'pushes' ? undefined : reply;
    const { client } = command;
    this.#end(command);
    if (client.isGone) return;
    if (client.pendingCount === 0 && client.redis?.isHeld === true) {
      client.redis.release();
      this.#queue.add(client);
    }
    // After the last pending command the stream may stand later: a bad command's value may have been skipped.
    if (client.pendingCount > 0) this.#replies.answer(client, sent, command.endOffset, command.at);
    else this.#replies.answer(client, sent, client.parser.consumed, client.parser.checkpoint());
    if (client.unreadBytes > MAX_REPLY_BACKLOG_BYTES) this.#connections.close(client);
    else if (client.isEnding || client.isStopped) this.#queue.add(client);
  }

  #answerRead(command: PendingCommand, reply: RespReply): void {
    const told = isOvertaken(command, this.#state.store) ? OVERTAKEN : reply;
    this.#answer(command, told, told);
  }

  /**
   * What the command reads is as of the time when it began to wait, if it did: keys that had outlived their deadline then are
   * not shown, though their removal waits for a stamp. A read that is answered before the writes after it, whose stamps are
   * later, is not shown what these do not find.
   */
  #asOf({ asOfMs }: PendingCommand): number {
    return asOfMs ?? this.#logTime.nowMs();
  }

  #readable(command: PendingCommand): ReadableKeyspace {
    return this.#state.readable(this.#asOf(command));
  }

  /** Answers a costly read, whose turn has come. */
  executeCostly(command: PendingCommand): void {
    if (this.endIfGone(command)) return;
    if (command.request.type === 'redis-read') this.#executeRead(command, command.request);
  }

  /** Answers the read from the state as it is; false, and nothing was done, if `execute` finds that it takes long. */
  readNow(command: PendingCommand, request: RedisReadRequest, execute: ShortRead = executeRead): boolean {
    if (!request.command.isCostly) return this.#executeRead(command, request, execute);
    this.#costlyReads.add(command);
    return true;
  }

  #executeRead(
    command: PendingCommand,
    request: RedisReadRequest,
    execute: ShortRead = executeRead,
  ): boolean {
    const startMs = this.#environment.nowMs();
    const value = execute(this.#readable(command), request);
    this.#noteTime(command, { name: request.command.name, args: request.args }, startMs);
    if (value !== undefined) this.#answerRead(command, { type: 'resp', value });
    return value !== undefined;
  }

  /** Counts the time that the command took, and notes it if that was long. */
  #noteTime({ client }: PendingCommand, { name, args }: NamedCommand, startMs: number): void {
    const tookMs = this.#environment.nowMs() - startMs;
    this.readMs += tookMs;
    this.#inFlight.spendReadTime(tookMs);
    const tookUs = tookMs * 1000;
    const { slowLog } = this.contexts;
    if (!slowLog.isSlow(tookUs) || mayHoldPassword(name, args)) return;
    const from = endpoint(client.from);
    const clientName = client.redis?.settings.name ?? '';
    const atMs = this.#logTime.nowMs();
    slowLog.add({ args: [name].concat(args), tookUs, atMs, from, clientName });
  }

  /**
   * Answers a command about the connection or the server.
   *
   * @param keys undefined if nobody knows what keys there are now
   */
  local(command: PendingCommand, request: RedisLocalRequest, keys: RedisContext['keys']): void {
    const { client } = command;
    if (client.redis === undefined)
      throw new TypeError(`${request.name} came from a client that speaks no RESP`);
    if (command.isAnswered || command.isAsked) return;
    const startMs = this.#environment.nowMs();
    const value = executeLocal(request, client.redis, this.contexts.of(client, keys));
    this.#noteTime(command, request, startMs);
    if (value instanceof ClusterQuestion) {
      command.isAsked = true;
      this.#questions.ask(client, value.args, (answers) => this.read(command, value.conclude(answers)));
      return;
    }
    if (client.redis.isMonitor) this.#monitors.add(client);
    this.#listeners.subscribers.follow(client, this.#environment.nowMs());
    this.#answerRead(command, value instanceof PushReply ? value : { type: 'resp', value });
  }

  #authenticate(command: PendingCommand, { password }: AuthRequest): void {
    if (command.isAnswered || command.isAsked) return;
    command.isAsked = true;
    this.#questions.authenticate(command.client, password, (reply) => this.#answerRead(command, reply));
  }
}
