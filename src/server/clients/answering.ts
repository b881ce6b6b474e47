/**
 * Answers each command: makes its reply from the applied state, and notes in its session that it is answered. The callers
 * keep the order: a session's commands are answered in the order in which they came.
 */

import type { Environment } from '../../environment.js';
import { MAX_REPLY_BACKLOG_BYTES } from '../../limits.js';
import type { LogTime } from '../../log-time.js';
import type { Args, CommandResult } from '../../protocol/command.js';
import { PushReply, type Reply, type RespReply, secondsLeft } from '../../protocol/reply.js';
import type { AuthRequest, GetRequest, RedisLocalRequest, RedisReadRequest } from '../../protocol/request.js';
import { mayTellPassword } from '../../protocol/resp/access.js';
import { endpoint } from '../../protocol/resp/client-facts.js';
import { QUEUED, type RespValue } from '../../protocol/resp/value.js';
import type { Raft } from '../../raft/raft.js';
import type { ServerId } from '../../raft/types.js';
import { beginLongRead, executeRead, type ShortRead } from '../../state-machine/redis/execute.js';
import type { ReadableKeyspace } from '../../state-machine/redis/keyspace.js';
import { watch } from '../../state-machine/redis/transaction.js';
import type { Steps } from '../../state-machine/work.js';
import type { AppliedState } from '../applied-state.js';
import { ClusterQuestion } from '../redis/cluster-question.js';
import { executeLocal } from '../redis/local-commands.js';
import type { ServerMetrics } from '../server-metrics.js';
import type { AddressBook } from './address-book.js';
import type { CostlyReads } from './costly-reads.js';
import type { FairQueue } from './fair-queue.js';
import type { InFlight } from './in-flight.js';
import type { Listeners } from './listeners.js';
import type { Monitors } from './monitors.js';
import { isOvertaken, OVERTAKEN } from './overtaken.js';
import type { Questions } from './questions.js';
import { RedisContexts } from './redis-contexts.js';
import type { ReplyFrames } from './reply-frames.js';
import type { PendingCommand, Session } from './session.js';
import type { Sessions } from './sessions.js';
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
  readonly raft: Raft;
  readonly state: AppliedState;
  readonly sessions: Sessions;
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
  readonly #raft: Raft;
  readonly #state: AppliedState;
  readonly #sessions: Sessions;
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
    this.#sessions = options.sessions;
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
    const { request, session } = command;
    if (this.endIfGone(command)) return;
    if (command.isElsewhere) {
      this.unexecuted(command, this.redirect(session) ?? { type: 'no-leader' });
      return;
    }
    switch (request.type) {
      case 'get':
        this.#answerRead(command, valueReply(this.#state.value(request.key, command.asOfMs)));
        return;
      case 'getm':
      case 'gets':
        this.#answerRead(command, this.#valueWithMeta(command, request));
        return;
      case 'watch': {
        const reply = this.#listeners.watchers.begin(command, request, this.#environment.nowMs());
        this.#answer(command, reply, reply ?? { type: 'watching', revision: 0 });
        return;
      }
      case 'unwatch':
        this.#listeners.watchers.end(session);
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
        session.redis?.watched(request.keys.map((key) => watch(this.#readable(command), key)));
        this.#answerRead(command, { type: 'ok', version: 0 });
        return;
      case 'redis-fixed':
        this.#answerRead(command, { type: 'resp', value: request.value });
        return;
      case 'redis-local':
        this.#executeLocal(command, request, { seesKeys: true });
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

  /** The steps of a read that takes long; undefined for all others, which {@link fromState} answers. */
  beginLong(command: PendingCommand): Steps<RespValue> | undefined {
    const { request, session } = command;
    const isOver = command.isAnswered || session.isGone;
    return request.type === 'redis-read' && !isOver && !command.isElsewhere
      ? beginLongRead(this.#readable(command), request)
      : undefined;
  }

  /** Answers a command that is not executed here: `outcome` says why. */
  unexecuted(command: PendingCommand, outcome: Reply): void {
    const { request, session } = command;
    if (this.endIfGone(command)) return;
    if (request.type === 'watch') session.endWatch();
    if (request.type === 'unwatch') this.fromState(command);
    else if (request.type === 'redis-local') this.#executeLocal(command, request, { seesKeys: false });
    else if (request.type === 'auth') this.#authenticate(command, request);
    else this.#answer(command, unexecutedReply(command, outcome), outcome);
  }

  /** The redirect to the leader; undefined while no leader is known. */
  redirect(session: Session): Reply | undefined {
    const { leader } = this.#raft;
    const address = leader === undefined ? undefined : this.#addressBook.addressOf(leader);
    return address === undefined ? undefined : { type: 'redirect', ...session.seen(address) };
  }

  /** The command waits no more, and gives back what it held. All commands end here, those of clients that are gone, too. */
  #end(command: PendingCommand): void {
    const { session } = command;
    command.isAnswered = true;
    session.pendingCount -= 1;
    if (command.pendingUnits > 0) this.#turns.ended(command);
    session.addUnread(-command.reservedBytes);
    if (session.pendingCount === 0) session.largestWriteBytes = 0;
  }

  /** Ends the command if its client is gone, for whom nothing is done. Returns whether it is ended or answered. */
  endIfGone(command: PendingCommand): boolean {
    if (!command.isAnswered && command.session.isGone) this.#end(command);
    return command.isAnswered;
  }

  /** Answers the command; without a reply, the client learns nothing of the outcome. */
  #answer(command: PendingCommand, reply: RespReply | undefined, outcome: RespReply): void {
    if (command.isAnswered) return;
    this.#metrics.answered(command.request.type, reply ?? outcome, command.takenAtMs);
    const sent = command.isSilenced && reply?.type !== 'pushes' ? undefined : reply;
    const { session } = command;
    this.#end(command);
    if (session.isGone) return;
    if (session.pendingCount === 0 && session.redis?.isHeld === true) {
      session.redis.release();
      this.#queue.add(session);
    }
    // After the last pending command the stream may stand later: a bad command's value may have been skipped.
    if (session.pendingCount > 0) this.#replies.answer(session, sent, command.endOffset, command.at);
    else this.#replies.answer(session, sent, session.parser.consumed, session.parser.checkpoint());
    if (session.unreadBytes > MAX_REPLY_BACKLOG_BYTES) this.#sessions.close(session);
    else if (session.isEnding || session.isStopped) this.#queue.add(session);
  }

  #answerRead(command: PendingCommand, reply: RespReply): void {
    const told = isOvertaken(command, this.#state.store) ? OVERTAKEN : reply;
    this.#answer(command, told, told);
  }

  #valueWithMeta(command: PendingCommand, { type, key }: GetRequest): Reply {
    const record = this.#readable(command).get(key);
    if (record === undefined) return { type: 'not-found' };
    const exptimeS = secondsLeft(record.deadlineMs, this.#logTime.nowMs());
    const { version, value } = record;
    const revision = type === 'gets' ? record.revision : undefined;
    return { type: 'value-with-meta', version, exptimeS, revision, value };
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
  #noteTime({ session }: PendingCommand, { name, args }: NamedCommand, startMs: number): void {
    const tookMs = this.#environment.nowMs() - startMs;
    this.readMs += tookMs;
    this.#inFlight.spendReadTime(tookMs);
    const tookUs = tookMs * 1000;
    const { slowLog } = this.contexts;
    if (!slowLog.isSlow(tookUs) || mayTellPassword(name)) return;
    const from = endpoint(session.from);
    const clientName = session.redis?.settings.name ?? '';
    const atMs = this.#logTime.nowMs();
    slowLog.add({ args: [name].concat(args), tookUs, atMs, from, clientName });
  }

  /** @param seesKeys whether the state is known to be current */
  #executeLocal(
    command: PendingCommand,
    request: RedisLocalRequest,
    { seesKeys }: { readonly seesKeys: boolean },
  ): void {
    const { session } = command;
    if (session.redis === undefined)
      throw new TypeError(`${request.name} came from a client that speaks no RESP`);
    if (command.isAnswered || command.isAsked) return;
    const startMs = this.#environment.nowMs();
    const value = executeLocal(request, session.redis, this.contexts.of(session, seesKeys));
    this.#noteTime(command, request, startMs);
    if (value instanceof ClusterQuestion) {
      command.isAsked = true;
      this.#questions.ask(session, value.args, (answers) => this.read(command, value.conclude(answers)));
      return;
    }
    if (session.redis.isMonitor) this.#monitors.add(session);
    this.#listeners.subscribers.follow(session, this.#environment.nowMs());
    this.#answerRead(command, value instanceof PushReply ? value : { type: 'resp', value });
  }

  #authenticate(command: PendingCommand, { password }: AuthRequest): void {
    if (command.isAnswered || command.isAsked) return;
    command.isAsked = true;
    this.#questions.authenticate(command.session, password, (reply) => this.#answerRead(command, reply));
  }
}
