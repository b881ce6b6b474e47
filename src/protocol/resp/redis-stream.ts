/**
 * A client's stream of Redis commands, one request after the other, and what the commands before have made of the
 * connection: its protocol version, the transaction that is being put together, the keys that are watched.
 */

import type { ByteSpan } from '../../bytes/byte-reader.js';
import { ARG_OVERHEAD_BYTES, type StreamLimits, streamLimits } from '../../limits.js';
import { AT_RESP_START, type RespCheckpoint, type RespState, respCheckpoint } from '../checkpoint.js';
import type { Args, WatchedKey } from '../command.js';
import type { Request } from '../request.js';
import { isSubscriber, isTooLongForLocked, refusalOf } from './access.js';
import { clusterWalk } from './cluster-walks.js';
import { commandOf, firstKeyOf, fullName, hasArity, type RedisCommand } from './commands.js';
import { RespRefusal, unknownCommand, wrongArity } from './error-replies.js';
import { fixedReply, subscriberPong } from './fixed-replies.js';
import {
  byteLengthOf,
  DISCARD_WITHOUT_MULTI,
  EXEC_ABORTED,
  EXEC_WITH_ARGS,
  EXEC_WITHOUT_MULTI,
  LEADER_CHANGED,
  lostTransaction,
  NESTED_MULTI,
  NOT_IN_MULTI,
  TOO_MUCH_WATCHED,
  TRANSACTION_TOO_LARGE,
  type Transaction,
  WATCH_IN_MULTI,
  WatchedKeys,
} from './multi.js';
import { replyMode } from './reply-mode.js';
import { fixed, plainGet, plainSet, requestOfPlain } from './requests.js';
import { HTTP, RespParser } from './resp-parser.js';
import { isCostlyOnce, sessionRequest } from './session-requests.js';
import { NO_SUBSCRIPTIONS } from './subscriptions.js';
import { ErrorReply, NULL_ARRAY, OK } from './value.js';
import type { RespVersion } from './writer.js';

/** What commands have set for all later ones; without the transaction and dropped input. */
type Settings = Omit<RespState, 'transaction' | 'dropped'>;

export class RedisStream {
  /** What HELLO and CLIENT tell of the connection. */
  readonly id: number;
  /** The name of the command that was taken last, in lower case; with its subcommand, if it has any. */
  lastCommand = '';
  /** The connection closes once everything is answered, and nothing more is taken. */
  isClosing = false;
  /** The request that was taken last is not answered: CLIENT REPLY has said so. */
  isSilenced = false;
  readonly wait = (): void => this.#parser.wait();
  readonly #parser: RespParser;
  readonly #limits: StreamLimits;
  /** Changed by {@link #setTransaction} alone. */
  #transaction: Transaction | undefined;
  /** Commands are executed as they come: no transaction is open, no password is due, and nothing is subscribed to in RESP2. */
  #isFree: boolean;
  readonly #watched = new WatchedKeys();
  /** How the rest is taken depends on the answer to the last command. */
  #isHeld = false;
  /** Lasting settings of the connection; replaced, never mutated. */
  #settings: Settings;
  /** The settings at the last checkpoint. */
  #checkpointSettings: Settings;
  /** The last checkpoint that was asked for: the next is mostly the same. */
  #checkpoint: RespCheckpoint;

  /**
   * @param at where another server has left the stream. The commands of an open transaction, and what WATCH saw, stayed
   * there: EXEC will be refused, or do nothing as if a watched key had changed.
   */
  constructor(id: number, at: RespCheckpoint = AT_RESP_START, limits = streamLimits()) {
    this.id = id;
    this.#limits = limits;
    this.#settings = at;
    this.#checkpointSettings = at;
    this.#parser = new RespParser(at.dropped, limits);
    this.#checkpoint = at;
    this.#watched.areLost = at.hasWatched;
    this.#isFree = this.#areAllFree();
    if (at.transaction === 'none') return;
    const refusal = at.transaction === 'open' ? LEADER_CHANGED : EXEC_ABORTED;
    this.#setTransaction({ commands: [], byteLength: 0, refusal });
  }

  /** As the original server sees the stream, not as its successor would: EXEC will execute an open transaction. */
  static retracing(at: RespCheckpoint, limits?: StreamLimits): RedisStream {
    const stream = new RedisStream(0, at, limits);
    stream.#watched.areLost = false;
    if (at.transaction === 'open' && stream.#transaction !== undefined)
      stream.#transaction.refusal = undefined;
    return stream;
  }

  /** What commands have set for all later ones. */
  get settings(): Settings {
    return this.#settings;
  }

  get version(): RespVersion {
    return this.#settings.version;
  }

  /** Whether MONITOR was said: the connection sees all commands. */
  get isMonitor(): boolean {
    return this.#settings.isMonitor;
  }

  /** Whether READONLY was said: a server that does not lead answers reads. */
  get isReadOnly(): boolean {
    return this.#settings.isReadOnly;
  }

  /** Whether the password is due. */
  get isLocked(): boolean {
    return this.#settings.access === 'locked';
  }

  /** The client has told the password. */
  unlock(): void {
    if (!this.isLocked) return;
    this.change({ access: 'unlocked' });
  }

  /** Changes lasting settings. */
  change(settings: Partial<Settings>): void {
    this.#settings = { ...this.#settings, ...settings };
    this.#isFree = this.#areAllFree();
  }

  get consumed(): number {
    return this.#parser.consumed;
  }

  get halfStart(): number | undefined {
    return this.#parser.halfStart;
  }

  get isUnfinished(): boolean {
    return !this.isClosing && !this.#isHeld && this.#parser.isUnfinished;
  }

  checkpoint(): RespCheckpoint {
    const last = this.#checkpoint;
    const isSame =
      this.#settings === this.#checkpointSettings &&
      last.transaction === this.#transactionState &&
      last.dropped === this.#parser.dropped;
    if (isSame) return last;
    const transaction = this.#transactionState;
    this.#checkpoint = respCheckpoint({ ...this.#settings, transaction, dropped: this.#parser.dropped });
    this.#checkpointSettings = this.#settings;
    return this.#checkpoint;
  }

  push(bytes: ByteSpan): void {
    this.#parser.push(bytes);
  }

  /** The next request; undefined until more bytes come, or what was taken is answered. */
  next(): Request | undefined {
    if (this.isClosing || this.#isHeld) return undefined;
    const { replies } = this.#settings;
    const request = this.#next();
    if (replies === 'on' && this.#settings.replies === 'on') this.isSilenced = false;
    else if (request !== undefined) this.#silence(request, replies);
    return request;
  }

  /** Sets whether the request is answered, given what CLIENT REPLY had said before it. */
  #silence(request: Request, replies: RespCheckpoint['replies']): void {
    if (request === REPLIES_ON || request === REPLIES_OFF) {
      this.isSilenced = request === REPLIES_OFF;
      return;
    }
    this.isSilenced = replies !== 'on';
    if (replies === 'skip') this.change({ replies: 'on' });
  }

  #next(): Request | undefined {
    const plain = this.#isFree ? this.#parser.nextPlain() : undefined;
    if (plain !== undefined) {
      this.lastCommand = plain.name;
      return requestOfPlain(plain);
    }
    const start = this.#parser.consumed;
    const args = this.#parser.next();
    if (!this.#isFree && this.isLocked) this.isClosing = isTooLongForLocked(this.#parser, start, args);
    if (args === undefined) return undefined;
    if (Array.isArray(args)) return this.#requestOf(args);
    if (args instanceof RespRefusal) return this.#refuse(new ErrorReply(args.message));
    this.isClosing = true;
    if (args === HTTP) return undefined;
    return fixed(new ErrorReply(args.message));
  }

  /** The keys of the next requests, as far as they are plain GETs, and `max` of them at most. Good until the next push. */
  upcomingGets(max: number): readonly ByteSpan[] {
    if (this.isClosing || this.#isHeld || !this.#isFree || this.#settings.replies !== 'on') return [];
    return this.#parser.upcomingGets(max);
  }

  /** Takes the next of the upcoming GETs, which has this key, in place of {@link next}. */
  takeGet(key: ByteSpan): void {
    this.lastCommand = 'get';
    this.#parser.takeGet(key);
  }

  /** How many commands wait for EXEC; undefined without MULTI. */
  get queuedCount(): number | undefined {
    return this.#transaction?.commands.length;
  }

  /** Bytes that came in and were not taken. */
  get bufferedBytes(): number {
    return this.#parser.bufferedBytes;
  }

  /** Nothing more is taken until what was taken is answered. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** The command that everything waited for is answered. */
  release(): void {
    this.#isHeld = false;
  }

  /** Notes the state of the keys that WATCH named. */
  watched(keys: readonly WatchedKey[]): void {
    this.#watched.add(keys);
  }

  /** WATCH was not executed: EXEC will do nothing, as if a watched key had changed. */
  loseWatch(): void {
    this.#watched.areLost = true;
  }

  /** A command of the transaction was sent elsewhere. */
  breakTransaction(): void {
    if (this.#transaction !== undefined) this.#transaction.refusal ??= EXEC_ABORTED;
  }

  /** RESET: settings, transaction and watched keys are as at the start. */
  reset(): void {
    this.#setTransaction(undefined);
    this.#unwatch();
    const access = this.#settings.access === 'free' ? 'free' : 'locked';
    const [subscriptions, isMonitor] = [NO_SUBSCRIPTIONS, false];
    this.change({ name: '', version: 2, replies: 'on', isMonitor, isReadOnly: false, subscriptions, access });
  }

  #setTransaction(transaction: Transaction | undefined): void {
    this.#transaction = transaction;
    this.#isFree = this.#areAllFree();
  }

  #areAllFree(): boolean {
    return this.#transaction === undefined && !this.isLocked && !isSubscriber(this.#settings);
  }

  get #transactionState(): RespCheckpoint['transaction'] {
    if (this.#transaction === undefined) return 'none';
    return this.#transaction.refusal === undefined ? 'open' : 'broken';
  }

  #requestOf(args: Args): Request {
    const [name, rest] = [args[0] ?? '', args.slice(1)];
    const command = commandOf(name);
    if (command === undefined) return this.#refuse(unknownCommand(name, rest));
    if (!hasArity(command, rest)) {
      if (command.name !== 'exec') return this.#refuse(wrongArity(command.name));
      this.#setTransaction(undefined);
      this.#unwatch();
      return fixed(EXEC_WITH_ARGS);
    }
    this.lastCommand = fullName(command, rest);
    const refusal = this.#isFree ? undefined : refusalOf(command, rest, this.#settings);
    if (refusal !== undefined) return fixed(refusal);
    if (this.#transaction !== undefined) return this.#inTransaction(this.#transaction, command, args);
    if (command.isCostly || command.isHolding || isCostlyOnce(command, rest)) this.#isHeld = true;
    switch (command.kind) {
      case 'write':
        return plainSet(command, rest) ?? { type: 'redis', args, slotKey: firstKeyOf(command, rest) };
      case 'read':
        // One page at a time, so that those of many clients come in turn.
        if (command.name === 'scan') this.#isHeld = true;
        return plainGet(command, rest) ?? { type: 'redis-read', command, args: rest };
      case 'walk':
        this.#isHeld = true;
        return { type: 'redis-walk', name: command.name, args: rest };
      case 'session':
        return sessionRequest(command.name, rest);
      case 'fixed':
      case 'connection':
        return this.#onConnection(command, rest);
    }
  }

  #onConnection(command: RedisCommand, args: Args): Request {
    switch (command.name) {
      case 'multi':
        this.#setTransaction({ commands: [], byteLength: 0, refusal: undefined });
        return fixed(OK);
      case 'exec':
        return fixed(EXEC_WITHOUT_MULTI);
      case 'discard':
        return fixed(DISCARD_WITHOUT_MULTI);
      case 'watch':
        return this.#watch(args);
      case 'unwatch':
        this.#unwatch();
        return fixed(OK);
      case 'quit':
        this.isClosing = true;
        return fixed(OK);
      case 'readonly':
      case 'readwrite':
        this.change({ isReadOnly: command.name === 'readonly' });
        break;
      case 'client': {
        const mode = replyMode(args);
        if (mode !== undefined) return this.#setReplies(mode);
        // Hold the stream so that later checkpoints include the setting; some subcommands also ask other servers.
        this.#isHeld = true;
        break;
      }
      case 'cluster': {
        const walk = clusterWalk(args);
        if (walk?.type === 'redis-walk') this.#isHeld = true;
        if (walk !== undefined) return walk;
        break;
      }
    }
    if (command.name === 'ping' && isSubscriber(this.#settings)) return fixed(subscriberPong(args));
    if (command.kind === 'fixed') return fixed(fixedReply(command.name, args));
    return { type: 'redis-local', name: command.name, args };
  }

  #setReplies(mode: RespState['replies']): Request {
    if (mode !== 'skip' || this.#settings.replies === 'on') this.change({ replies: mode });
    return mode === 'on' ? REPLIES_ON : REPLIES_OFF;
  }

  #inTransaction(transaction: Transaction, command: RedisCommand, args: Args): Request {
    switch (command.name) {
      case 'multi':
        return fixed(NESTED_MULTI);
      case 'watch':
        return fixed(WATCH_IN_MULTI);
      case 'exec':
        return this.#execute(transaction);
      case 'discard':
        this.#setTransaction(undefined);
        this.#unwatch();
        return fixed(OK);
      case 'quit':
      case 'reset':
        this.#setTransaction(undefined);
        return this.#onConnection(command, args.slice(1));
    }
    if (command.kind === 'connection' || command.kind === 'session') return this.#refuse(NOT_IN_MULTI);
    transaction.byteLength += byteLengthOf(args, ARG_OVERHEAD_BYTES);
    if (transaction.byteLength > this.#limits.maxTransactionBytes) return this.#refuse(TRANSACTION_TOO_LARGE);
    transaction.commands.push(args);
    return { type: 'redis-queued', slotKey: firstKeyOf(command, args.slice(1)) };
  }

  #execute({ commands, refusal }: Transaction): Request {
    const { keys: watched, areLost } = this.#watched;
    this.#setTransaction(undefined);
    this.#unwatch();
    if (refusal === LEADER_CHANGED) return lostTransaction(refusal);
    if (refusal !== undefined) return fixed(refusal);
    if (areLost) return lostTransaction(NULL_ARRAY);
    return { type: 'redis-transaction', watched, commands };
  }

  #watch(keys: Args): Request {
    if (!this.#watched.mayAdd(keys)) return fixed(TOO_MUCH_WATCHED);
    this.#isHeld = true;
    this.change({ hasWatched: true });
    return { type: 'redis-watch', keys };
  }

  #unwatch(): void {
    this.#watched.forget();
    if (this.#settings.hasWatched) this.change({ hasWatched: false });
  }

  #refuse(error: ErrorReply): Request {
    this.breakTransaction();
    return fixed(error);
  }
}

/** The reply to CLIENT REPLY ON. OFF and SKIP have one as well, which is not sent. */
const REPLIES_ON = fixed(OK);
const REPLIES_OFF = fixed(OK);
