/**
 * The clients' side of a server: takes commands from sessions, orders them, and answers each.
 *
 * The leader puts writes into the log, many to an entry, and answers them when the entry is applied. A read is
 * answered at once while the leader holds its lease and its client has nothing pending; else it waits with the
 * commands before it, or for the confirmation that this server still leads. Any other server sends the client on to
 * the leader, or lets it wait until one is known; those of the router it sends back.
 */

import type { ByteString } from '../../bytes/byte-string.js';
import type { Environment } from '../../environment.js';
import {
  LEADER_WAIT_MS,
  MAX_APPLIED_BYTES_PER_TURN,
  MAX_BACKLOG_SHARES_PER_TURN,
  MAX_ENTRY_BYTES,
  MAX_INFLIGHT_PROPOSAL_BYTES,
  MAX_PENDING_COMMANDS,
  MAX_REPLY_BACKLOG_BYTES,
  MAX_TAKEN_BYTES_PER_TURN,
  MAX_TAKEN_COMMANDS_PER_TURN,
  QUORUM_WAIT_MS,
} from '../../limits.js';
import type { Args, Command, CommandResult } from '../../protocol/command.js';
import { type Reply, type RespReply, secondsLeft } from '../../protocol/reply.js';
import { isWrite, type RedisLocalRequest, type Request } from '../../protocol/request.js';
import { commandOf, keysOf } from '../../protocol/resp/commands.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { QUEUED } from '../../protocol/resp/value.js';
import type { Raft } from '../../raft/raft.js';
import type { ConfirmedRead, Entry, LogIndex, LogPosition, ServerId, Term } from '../../raft/types.js';
import { BatchEncoder } from '../../state-machine/batch.js';
import type { KeyValueStore } from '../../state-machine/key-value-store.js';
import { executeRead, watch } from '../../state-machine/redis/execute.js';
import type { ReadableKeyspace } from '../../state-machine/redis/keyspace.js';
import { Scans } from '../../state-machine/redis/scans.js';
import { readClientFrames, type SessionId } from '../../wire/client-frames.js';
import type { ClientAddress } from '../../wire/control.js';
import type { ServerMetrics } from '../metrics.js';
import type { RedisContext } from '../redis/context.js';
import { executeLocal } from '../redis/local-commands.js';
import { redirection } from '../redis/redirection.js';
import { GroupCommitDelay } from './group-commit-delay.js';
import { type PendingGroup, PendingGroups } from './pending.js';
import type { Replies } from './replies.js';
import { type PendingCommand, Session } from './session.js';

/** A client's next so many gets are answered at once. */
const MAX_GETS_AT_ONCE = 64;

/** An entry of so many bytes is worth its cost. */
const MAX_GATHERED_BYTES = 8 * 1024;

/** What is left of what a session may take in a turn. */
interface Share {
  commands: number;
  /** Where in its stream it ends. */
  readonly endOffset: number;
}

export interface ClientsOptions {
  readonly environment: Environment;
  readonly raft: Raft;
  /** Holds everything up to `applied`. */
  readonly store: KeyValueStore;
  readonly applied: LogPosition;
  /** Told of each entry that was applied. */
  readonly onApplied: (entry: Entry) => void;
  readonly replies: Replies;
  /** Where the clients of each server connect, by server id. */
  readonly addresses: readonly ClientAddress[];
  readonly serverId: ServerId;
  readonly metrics: ServerMetrics;
}

export class Clients {
  readonly #environment: Environment;
  readonly #raft: Raft;
  readonly #onApplied: (entry: Entry) => void;
  readonly #replies: Replies;
  readonly #addresses: readonly ClientAddress[];
  readonly #serverId: ServerId;
  readonly #startedAtMs: number;
  readonly #metrics: ServerMetrics;

  readonly #sessions = new Map<SessionId, Session>();
  readonly #redisStreams = new Set<RedisStream>();
  readonly #scans = new Scans();
  /** Sessions whose commands wait for a leader to be known. */
  readonly #leaderless = new Set<Session>();
  /** Sessions of whose streams more may be taken, those first that have waited longest. */
  readonly #backlog = new Set<Session>();
  #isDue = false;
  /** Nothing more is taken. */
  #hasStopped = false;
  readonly #groups = new PendingGroups();
  /** The next entry: writes are in the encoder, and with what is read between them in this list. */
  readonly #encoder = new BatchEncoder();
  #open: PendingCommand[] = [];
  readonly #groupCommitDelay = new GroupCommitDelay();
  /** The last entry that this server proposed; 0 when there is none. */
  #proposedIndex: LogIndex = 0;
  #committed: Entry[] = [];
  #store: KeyValueStore;
  #applied: LogPosition;
  /** The state machine is being replaced: nothing is applied until it is. */
  #isRestoring = false;
  /** The term in which this server led last; 0 when it never did. */
  #ledTerm: Term = 0;
  #lastStampMs = 0;
  #nowMs = 0;
  /** Reads may be answered from the state machine as it is. */
  #readsAreFree = false;

  constructor({
    environment,
    raft,
    store,
    applied,
    onApplied,
    replies,
    addresses,
    serverId,
    metrics,
  }: ClientsOptions) {
    this.#raft = raft;
    this.#store = store;
    this.#replies = replies;
    this.#addresses = addresses;
    this.#serverId = serverId;
    this.#environment = environment;
    this.#startedAtMs = environment.wallClockMs();
    this.#applied = applied;
    this.#onApplied = onApplied;
    this.#metrics = metrics;
  }

  /** The state machine holds everything up to here. */
  get applied(): LogPosition {
    return this.#applied;
  }

  /** The state machine. Another one after {@link restored}. */
  get store(): KeyValueStore {
    return this.#store;
  }

  /** Whether the state machine holds, and shows, what every client was told until `nowMs`: reads may be answered from it. */
  isCurrent(nowMs: number): boolean {
    const raft = this.#raft;
    const holdsAll = raft.isServing && nowMs < raft.leaseEndMs && this.#applied.index >= raft.commitIndex;
    return holdsAll && !this.#isClockBehind;
  }

  /** Commands that were taken and are not answered. */
  get pendingCount(): number {
    return this.#groups.commandCount + this.#open.length;
  }

  /** Whether nothing is left to answer. */
  get isIdle(): boolean {
    return this.#groups.first === undefined && this.#open.length === 0;
  }

  /** Whether more may be taken: not while too much is in flight, or the gateway does not take the replies. */
  get #hasRoom(): boolean {
    return (
      !this.#hasStopped &&
      this.#groups.byteLength < MAX_INFLIGHT_PROPOSAL_BYTES &&
      this.pendingCount < MAX_PENDING_COMMANDS &&
      !this.#openIsFull &&
      !this.#replies.isFull
    );
  }

  /** Whether there is something to do at once. */
  get isDue(): boolean {
    return this.#isDue || (this.#backlog.size > 0 && this.#hasRoom);
  }

  /** When {@link tick} has something to do next, in ms of the clock it is given. */
  get deadlineMs(): number {
    let deadlineMs = Number.POSITIVE_INFINITY;
    const { waitingSinceMs: sinceMs } = this.#groups;
    if (sinceMs !== undefined) deadlineMs = sinceMs + QUORUM_WAIT_MS;
    deadlineMs = Math.min(deadlineMs, this.#groupCommitDelay.deadlineMs ?? deadlineMs);
    for (const { waitingSinceMs } of this.#leaderless) {
      if (waitingSinceMs !== undefined) deadlineMs = Math.min(deadlineMs, waitingSinceMs + LEADER_WAIT_MS);
    }
    const { nextDeadlineMs } = this.#store;
    if (nextDeadlineMs === undefined || !this.#raft.isServing) return deadlineMs;
    return Math.min(deadlineMs, this.#nowMs + Math.max(0, nextDeadlineMs - this.#environment.wallClockMs()));
  }

  /**
   * A batch of client traffic has arrived before `nowMs`: the clock must be read after the batch was taken, since a
   * lease that is still good then covers every read in it.
   */
  receive(batch: Uint8Array, nowMs: number): void {
    this.#startServing(nowMs);
    for (const frame of readClientFrames(batch)) {
      if (frame.type === 'open') {
        const opened = new Session(frame.session, frame);
        this.#sessions.set(frame.session, opened);
        if (opened.redis !== undefined) this.#redisStreams.add(opened.redis);
        continue;
      }
      const session = this.#sessions.get(frame.session);
      if (session === undefined) continue;
      switch (frame.type) {
        case 'data':
          this.#groupCommitDelay.cameBack(session);
          session.parser.push(frame.bytes);
          break;
        case 'drained':
          session.unreadBytes -= frame.byteCount;
          break;
        case 'end':
          session.hasEnded = true;
          break;
        case 'close':
          this.#drop(session);
          continue;
      }
      // One with a backlog waits for its turn, and those without need not wait for that.
      if (!this.#backlog.has(session)) this.#serve(session);
    }
  }

  /** Takes no more commands. Those that were taken are answered. */
  stop(): void {
    this.#hasStopped = true;
  }

  /** Takes a share of the streams that have stood in line for longest, as long as there is room. */
  serveBacklog(nowMs: number): void {
    if (this.#backlog.size === 0) return;
    this.#startServing(nowMs);
    let shares = MAX_BACKLOG_SHARES_PER_TURN;
    for (const session of [...this.#backlog]) {
      if (shares === 0 || !this.#hasRoom) return;
      const before = session.parser.consumed;
      this.#serve(session);
      if (session.parser.consumed > before) shares -= 1;
    }
  }

  /** Time has passed, or the server's role has changed: serves the sessions that wait for a leader. */
  tick(nowMs: number): void {
    this.#startServing(nowMs);
    for (const command of this.#groups.expire(nowMs - QUORUM_WAIT_MS)) {
      this.#answerAway(command, { type: 'internal-error' });
    }
    this.#isDue = false;
    this.#drain();
    for (const session of [...this.#leaderless]) this.#serve(session);
    if (
      this.#raft.isServing &&
      this.#isClockBehind &&
      this.#lastStampMs < (this.#store.nextDeadlineMs ?? 0)
    ) {
      this.#propose();
    }
  }

  /** Proposes what came together, unless it is better to let more come: while the disk is busy, or others are on their way. */
  proposeOpen({ isDiskBusy }: { isDiskBusy: boolean }): void {
    if (this.#open.length === 0) return;
    if (!this.#openIsFull && (isDiskBusy || this.#isGathering)) return;
    this.#propose();
  }

  /** Entries became committed, and reads were confirmed or can no longer be. */
  advance(committed: readonly Entry[], confirmed: readonly ConfirmedRead[]): void {
    for (const entry of committed) this.#committed.push(entry);
    for (const { readId, index } of confirmed) this.#groups.confirmRead(readId, index);
    this.#drain();
  }

  /** The state machine is about to be replaced by a later state: entries wait until it is {@link restored}. */
  restoring(): void {
    this.#isRestoring = true;
  }

  /** The state machine was replaced by one that holds everything up to `applied`. */
  restored(store: KeyValueStore, applied: LogPosition): void {
    this.#store = store;
    this.#scans.clear();
    this.#applied = applied;
    this.#isRestoring = false;
    this.#committed = this.#committed.filter(({ index }) => index > applied.index);
    this.#drain();
  }

  /** This server does not lead any more: nothing that is pending will be answered by applying it. */
  leadershipLost(): void {
    const proposed = this.#groups.takeAll().flatMap((group) => group.commands);
    const unproposed = this.#open;
    this.#open = [];
    this.#encoder.clear();
    this.#groupCommitDelay.cancel();
    this.#proposedIndex = 0;
    for (const command of proposed) this.#fail(command, { type: 'internal-error' });
    for (const command of unproposed) this.#fail(command, this.#redirect() ?? { type: 'internal-error' });
    for (const session of this.#sessions.values()) if (session.isStopped) this.#backlog.add(session);
    this.#drain();
  }

  get #isGathering(): boolean {
    const isSmall = this.#encoder.byteLength < MAX_GATHERED_BYTES;
    return isSmall && this.#groupCommitDelay.shouldWait(this.#nowMs, { isInFlight: this.#isEntryInFlight });
  }

  /** Whether the last entry that this server proposed is still to be answered. */
  get #isEntryInFlight(): boolean {
    return this.#applied.index < this.#proposedIndex;
  }

  get #openIsFull(): boolean {
    return this.#encoder.byteLength >= MAX_ENTRY_BYTES;
  }

  /** A key has outlived its deadline by the wall clock, but not yet by the log's stamps. */
  get #isClockBehind(): boolean {
    const { nextDeadlineMs } = this.#store;
    return nextDeadlineMs !== undefined && nextDeadlineMs <= this.#environment.wallClockMs();
  }

  #startServing(nowMs: number): void {
    const raft = this.#raft;
    this.#nowMs = nowMs;
    if (raft.role === 'leader') this.#ledTerm = raft.currentTerm;
    this.#readsAreFree = this.isCurrent(nowMs);
  }

  /** Takes what may be taken from the session's stream. */
  #serve(session: Session): void {
    this.#leaderless.delete(session);
    this.#backlog.delete(session);
    session.isStopped = false;
    if (this.#raft.role === 'leader') this.#serveAsLeader(session);
    else if (session.routed) this.#refuse(session);
    else this.#serveElsewhere(session);
    if (!this.#sessions.has(session.id) || session.pendingCount > 0) return;
    if (session.parser.consumed > session.answeredOffset) {
      this.#replies.answer(session, undefined, session.parser.consumed, session.parser.checkpoint());
    }
    if (session.isEnding && !this.#isWaiting(session)) this.#close(session);
  }

  #isWaiting(session: Session): boolean {
    return session.isStopped || this.#backlog.has(session) || this.#leaderless.has(session);
  }

  #serveAsLeader(session: Session): void {
    session.waitingSinceMs = undefined;
    const share = newShare(session);
    if (session.redis !== undefined) this.#answerGets(session, session.redis, share);
    this.#takeShare(session, (command) => this.#dispatch(command), share);
  }

  /** Answers the plain GETs that come next in a Redis client's stream, many at once, while none of them has to wait. */
  #answerGets(session: Session, redis: RedisStream, share: Share): void {
    if (!this.#readsAreFree || session.pendingCount > 0) return;
    while (this.#mayTake(session, share)) {
      const keys = redis.upcomingGets(MAX_GETS_AT_ONCE);
      if (keys.length === 0) return;
      const values = this.#store.values(keys);
      let found = 0;
      let taken = 0;
      for (const key of keys) {
        if (!this.#mayTake(session, share)) break;
        redis.takeGet(key);
        const reply = valueReply(values[taken]);
        if (reply.type === 'value') found += 1;
        this.#replies.answer(session, reply, redis.consumed, redis.checkpoint());
        taken += 1;
        share.commands -= 1;
      }
      this.#metrics.answeredGets(found, taken - found, this.#nowMs);
    }
  }

  /** Sends every command on to the leader. While none is known the commands wait, for a limited time. */
  #serveElsewhere(session: Session): void {
    const reply = this.#redirect();
    if (reply === undefined && session.parser.hasBuffered) {
      session.waitingSinceMs ??= this.#nowMs;
      // Redis clients wait and ask again by themselves.
      if (session.redis === undefined && this.#nowMs < session.waitingSinceMs + LEADER_WAIT_MS) {
        this.#leaderless.add(session);
        return;
      }
      this.#takeShare(session, (command) => this.#answerAway(command, { type: 'no-leader' }));
      // What is left of them has waited as long.
      if (this.#backlog.has(session) || session.isStopped) return;
    }
    session.waitingSinceMs = undefined;
    if (reply !== undefined) this.#takeShare(session, (command) => this.#answerAway(command, reply));
  }

  /**
   * Takes as many commands as the session's share of a turn is. So a client that sends more than can be done makes the
   * others wait for its shares, not for all that it has sent.
   */
  #takeShare(
    session: Session,
    handle: (command: PendingCommand) => void,
    share: Share = newShare(session),
  ): void {
    while (this.#mayTake(session, share)) {
      const command = session.take(this.#nowMs);
      if (command === undefined) return;
      share.commands -= 1;
      handle(command);
    }
    if (session.mayTake) this.#backlog.add(session);
    else session.isStopped = true;
  }

  #mayTake(session: Session, { commands, endOffset }: Share): boolean {
    return session.mayTake && commands > 0 && session.parser.consumed < endOffset && this.#hasRoom;
  }

  /** What a server that does not lead answers, given where it sends clients on to. */
  #answerElsewhere({ session, request }: PendingCommand, reply: Reply): RespReply | undefined {
    const { redis } = session;
    if (redis === undefined) return answerOf(request, reply);
    if (request.type === 'redis-fixed') return { type: 'resp', value: request.value };
    if (request.type === 'redis-local') return this.#executeLocal(request, redis);
    if (request.type === 'redis-queued') redis.breakTransaction();
    if (request.type === 'redis-watch') redis.loseWatch();
    return reply.type === 'redirect'
      ? { type: 'resp', value: redirection(slotKeyOf(request), reply) }
      : reply;
  }

  #executeLocal(request: RedisLocalRequest, stream: RedisStream | undefined): RespReply {
    if (stream === undefined) throw new TypeError(`${request.name} came from a client that speaks no RESP`);
    return { type: 'resp', value: executeLocal(request, stream, this.#redisContext()) };
  }

  #redisContext(): RedisContext {
    return {
      serverId: this.#serverId,
      leader: this.#raft.leader,
      addresses: this.#addresses,
      keyCount: this.#store.size,
      volatileCount: this.#store.volatileCount,
      connections: this.#redisStreams,
      connectionCount: this.#sessions.size,
      nowMs: this.#environment.wallClockMs(),
      startedAtMs: this.#startedAtMs,
      scan: (cursor, count) => this.#scans.next(cursor, count, () => this.#readable().keys()),
    };
  }

  #readable(): ReadableKeyspace {
    return this.#store.readable(Math.max(this.#environment.wallClockMs(), this.#store.clockMs));
  }

  #redirect(): Reply | undefined {
    const { leader } = this.#raft;
    const address = leader === undefined ? undefined : this.#addresses[leader];
    return address === undefined ? undefined : { type: 'redirect', ...address };
  }

  #dispatch(command: PendingCommand): void {
    const { request, session } = command;
    switch (request.type) {
      case 'set':
      case 'cas':
      case 'delete':
      case 'redis':
      case 'redis-transaction':
        this.#encode(request, session);
        this.#open.push(command);
        return;
      case 'get':
      case 'getm':
        if (session.pendingCount === 1 && this.#readsAreFree) this.#answerFromStore(command);
        else this.#readLater(command, request.key);
        return;
      case 'redis-read':
      case 'redis-watch':
        if (session.pendingCount === 1 && this.#readsAreFree) this.#answerFromStore(command);
        else this.#readLater(command, undefined);
        return;
      case 'redis-fixed':
      case 'redis-local':
      case 'redis-queued':
      case 'malformed':
        if (session.pendingCount === 1) this.#answerFromStore(command);
        else this.#queue(command);
        return;
    }
  }

  /** Puts a read behind what its client has pending, or where its confirmation is waited for. */
  #readLater(command: PendingCommand, key: string | undefined): void {
    const { session } = command;
    if (session.pendingCount > 1 || this.#isClockBehind) {
      command.reservedBytes = key === undefined ? 0 : this.#largestValue(key, session);
      session.unreadBytes += command.reservedBytes;
      // Only a new entry brings a later stamp.
      if (this.#isClockBehind) this.#open.push(command);
      else this.#queue(command);
      return;
    }
    const { last } = this.#groups;
    if (
      last?.gate.kind === 'read' &&
      last.gate.confirmedIndex === undefined &&
      last.sinceMs === this.#nowMs
    ) {
      this.#groups.join(last, command);
      return;
    }
    this.#raft.read(this.#groups.addRead(command, this.#nowMs), this.#nowMs);
  }

  #encode(request: Command, session: Session): void {
    const before = this.#encoder.byteLength;
    this.#encoder.add(request);
    session.largestWriteBytes = Math.max(session.largestWriteBytes, this.#encoder.byteLength - before);
  }

  /** How large the key's value may be once what the session has pending is done. */
  #largestValue(key: string, { largestWriteBytes }: Session): number {
    return Math.max(this.#store.value(key)?.length ?? 0, largestWriteBytes);
  }

  /**
   * Puts the command behind everything that is pending: into the last group there is, unless that waits for nothing any
   * more but its turn to be applied. A read that came in after a majority was last heard of would join it unproven.
   */
  #queue(command: PendingCommand): void {
    const { last } = this.#groups;
    const mayJoin = this.#open.length === 0 && this.#groups.lastIsUnproven(this.#raft.commitIndex);
    if (last !== undefined && mayJoin) this.#groups.join(last, command);
    else this.#open.push(command);
  }

  /** Makes a log entry of what is open, even if that is no write at all: it moves the log's clock. */
  #propose(): void {
    const stampMs = Math.max(this.#lastStampMs, this.#store.clockMs, this.#environment.wallClockMs());
    if (this.#raft.role !== 'leader' || this.#raft.isTransferring) return;
    const payload = this.#encoder.finish(stampMs);
    const position = this.#raft.propose(payload);
    if (position === undefined) return;
    this.#metrics.proposals += 1;
    this.#metrics.proposedBytes += payload.byteLength;
    this.#lastStampMs = stampMs;
    this.#groupCommitDelay.proposed(this.#open.length, this.#nowMs);
    this.#proposedIndex = position.index;
    for (const { session, endOffset } of this.#open) session.proposedOffset = endOffset;
    this.#groups.addEntry(this.#open, { index: position.index, byteLength: payload.byteLength }, this.#nowMs);
    this.#open = [];
  }

  /**
   * Applies and answers as far as the gates of the pending groups are open, and no more than one turn has time for: a
   * server that has much to catch up with must not miss heartbeats over it.
   */
  #drain(): void {
    let applied = 0;
    let room = MAX_APPLIED_BYTES_PER_TURN;
    while (!this.#isRestoring) {
      const { first } = this.#groups;
      if (first?.gate.kind === 'read') {
        const { confirmedIndex } = first.gate;
        if (confirmedIndex === undefined) break;
        if (confirmedIndex <= this.#applied.index) {
          for (const command of first.commands) this.#answerFromStore(command);
          this.#groups.removeFirst();
          continue;
        }
      }
      const entry = this.#committed[applied];
      if (entry === undefined) break;
      if (room <= 0) {
        this.#isDue = true;
        break;
      }
      applied += 1;
      room -= entry.payload.byteLength;
      this.#apply(entry, first);
    }
    if (applied > 0) this.#committed = this.#committed.slice(applied);
  }

  #apply(entry: Entry, first: PendingGroup | undefined): void {
    this.#applied = { index: entry.index, term: entry.term };
    this.#onApplied(entry);
    if (first?.gate.kind !== 'entry' || first.gate.index !== entry.index) {
      this.#store.apply(entry.payload);
      return;
    }
    this.#metrics.appendDuration.observeMs(this.#nowMs - first.sinceMs);
    if (entry.index === this.#proposedIndex) this.#groupCommitDelay.applied(this.#nowMs);
    const { commands } = first;
    let next = this.#answerReads(commands, 0);
    this.#store.apply(entry.payload, (result) => {
      const command = commands[next];
      if (command !== undefined) {
        this.#answerWrite(command, replyTo(result));
        this.#groupCommitDelay.answered(command.session);
      }
      next = this.#answerReads(commands, next + 1);
    });
    this.#groups.removeFirst();
  }

  /** Answers the commands from place `from` on that write nothing; returns the place of the next write. */
  #answerReads(commands: readonly PendingCommand[], from: number): number {
    let next = from;
    for (; next < commands.length; next += 1) {
      const command = commands[next];
      if (command === undefined || isWrite(command.request)) break;
      this.#answerFromStore(command);
    }
    return next;
  }

  /** Answers a command that writes nothing, from the state machine as it is now. */
  #answerFromStore(command: PendingCommand): void {
    const { request } = command;
    if (command.isAnswered) return;
    switch (request.type) {
      case 'get':
      case 'getm':
        this.#answerRead(command, this.#lookUp(request));
        return;
      case 'malformed':
        this.#answerRead(command, { type: 'command-error' });
        return;
      case 'redis-read': {
        const value = executeRead(this.#readable(), request);
        this.#answerRead(command, { type: 'resp', value });
        return;
      }
      case 'redis-watch':
        command.session.redis?.watched(request.keys.map((key) => watch(this.#readable(), key)));
        this.#answerRead(command, { type: 'ok', version: 0 });
        return;
      case 'redis-fixed':
        this.#answerRead(command, { type: 'resp', value: request.value });
        return;
      case 'redis-local':
        this.#answerRead(command, this.#executeLocal(request, command.session.redis));
        return;
      case 'redis-queued':
        this.#answerRead(command, { type: 'resp', value: QUEUED });
        return;
      default:
        throw new TypeError(`a ${request.type} cannot be answered without being applied`);
    }
  }

  #lookUp(request: { readonly type: 'get' | 'getm'; readonly key: string }): Reply {
    if (request.type === 'get') return valueReply(this.#store.value(request.key));
    const record = this.#store.get(request.key);
    if (record === undefined) return { type: 'not-found' };
    const exptimeS = secondsLeft(record.deadlineMs, this.#environment.wallClockMs());
    return { type: 'value-with-meta', version: record.version, exptimeS, value: record.value };
  }

  /** The command was not executed here: `outcome` says why. */
  #answerAway(command: PendingCommand, outcome: Reply): void {
    this.#answer(command, this.#answerElsewhere(command, outcome), outcome);
  }

  #answerWrite(command: PendingCommand, outcome: RespReply): void {
    this.#answer(command, answerOf(command.request, outcome), outcome);
  }

  #answerRead(command: PendingCommand, reply: RespReply): void {
    this.#answer(command, reply, reply);
  }

  /** Without a reply the client is told nothing of the outcome. */
  #answer(command: PendingCommand, reply: RespReply | undefined, outcome: RespReply): void {
    if (command.isAnswered) return;
    command.isAnswered = true;
    this.#metrics.answered(command.request.type, reply ?? outcome, command.takenAtMs);
    const { session } = command;
    session.pendingCount -= 1;
    session.unreadBytes -= command.reservedBytes;
    if (session.pendingCount === 0) session.largestWriteBytes = 0;
    if (!this.#sessions.has(session.id)) return;
    if (session.pendingCount === 0 && session.redis?.isHeld === true) {
      session.redis.release();
      this.#backlog.add(session);
    }
    // Behind the last answered command, a value may have been skipped since.
    if (session.pendingCount > 0) this.#replies.answer(session, reply, command.endOffset, command.at);
    else this.#replies.answer(session, reply, session.parser.consumed, session.parser.checkpoint());
    if (session.unreadBytes > MAX_REPLY_BACKLOG_BYTES) this.#close(session);
    else if (session.isEnding || session.isStopped) this.#backlog.add(session);
  }

  /** The command will not be answered by applying it. The router is told so once for all that a session has. */
  #fail(command: PendingCommand, reply: Reply): void {
    const { session } = command;
    if (!session.routed) this.#answerAway(command, reply);
    else if (this.#sessions.has(session.id)) this.#refuse(session);
  }

  /** Sends a session of the router back to it, to go on elsewhere. */
  #refuse(session: Session): void {
    this.#replies.refuse(session, this.#ledTerm);
    this.#drop(session);
  }

  /** Closes the connection once what was answered is written. What else it asked for is done, and not answered. */
  #close(session: Session): void {
    this.#replies.close(session);
    this.#drop(session);
  }

  #drop(session: Session): void {
    this.#groupCommitDelay.cameBack(session);
    this.#sessions.delete(session.id);
    if (session.redis !== undefined) this.#redisStreams.delete(session.redis);
    this.#leaderless.delete(session);
    this.#backlog.delete(session);
  }
}

function newShare({ parser }: Session): Share {
  return { commands: MAX_TAKEN_COMMANDS_PER_TURN, endOffset: parser.consumed + MAX_TAKEN_BYTES_PER_TURN };
}

/** The key whose slot a redirect names. */
function slotKeyOf(request: Request): string | undefined {
  switch (request.type) {
    case 'set':
    case 'get':
      return request.key;
    case 'redis':
    case 'redis-queued':
      return request.slotKey;
    case 'redis-read':
      return keysOf(request.command, request.args)[0];
    case 'redis-watch':
      return request.keys[0];
    case 'redis-transaction':
      return slotKeyOfTransaction(request.commands);
    default:
      return undefined;
  }
}

function slotKeyOfTransaction(commands: readonly Args[]): string | undefined {
  for (const [name = '', ...args] of commands) {
    const command = commandOf(name);
    const [key] = command === undefined ? [] : keysOf(command, args);
    if (key !== undefined) return key;
  }
  return undefined;
}

function valueReply(value: ByteString | undefined): Reply {
  return value === undefined ? { type: 'not-found' } : { type: 'value', value };
}

function replyTo(result: CommandResult): RespReply {
  switch (result.type) {
    case 'resp':
      return result;
    case 'stored':
      return { type: 'ok', version: result.version };
    case 'deleted':
      return { type: 'deleted' };
    case 'not-found':
      return { type: 'not-found' };
    case 'version-mismatch':
      return { type: 'version-mismatch' };
  }
}

/**
 * What the client is told when the command comes to `reply`: nothing for `noreply`, except that the write did not
 * happen here; and a malformed command is one wherever it arrives.
 */
function answerOf(request: Request, reply: RespReply): RespReply | undefined {
  if (request.type === 'malformed') return { type: 'command-error' };
  const isSilent = 'noreply' in request && request.noreply && reply.type !== 'redirect';
  return isSilent ? undefined : reply;
}
