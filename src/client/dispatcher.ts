/**
 * Brings calls to whichever server answers them: finds it, follows redirects, connects anew when a connection is lost, and
 * repeats what can be repeated until its time is over.
 */

import type { Timer } from '../environment.js';
import { addressIn, isSame } from './address.js';
import { Call, type CallOptions, type Decode } from './call.js';
import {
  AbortedError,
  ArgumentError,
  AuthError,
  ClosedError,
  OverloadedError,
  UnknownOutcomeError,
} from './client-errors.js';
import {
  DEFAULT_TIMEOUT_MS,
  MAX_PENDING_BYTES,
  MAX_PENDING_CALLS,
  MAX_RECONNECT_PAUSE_MS,
  MAX_REDIRECTS,
  MAX_REPEAT_PAUSE_MS,
  MAX_TIMEOUT_MS,
  MIN_RECONNECT_PAUSE_MS,
  MIN_REPEAT_PAUSE_MS,
  SESSION_CLOSE_TIMEOUT_MS,
  SESSION_OPEN_TIMEOUT_MS,
} from './client-limits.js';
import { Connection } from './connection.js';
import { Deadlines } from './deadlines.js';
import { NumberedWrites } from './numbered-writes.js';
import { pauseAfter } from './pauses.js';
import { sessionIdOf } from './replies.js';
import type { Reply } from './reply-reader.js';
import { type Command, OPEN_SESSION, plainCommand } from './text-commands.js';
import type { Address, ClientWorld } from './world.js';
import type { WriteNumber } from './write-session.js';

export interface DispatcherOptions {
  readonly addresses: readonly Address[];
  readonly password: string | undefined;
  readonly timeoutMs: number | undefined;
  /** Whether writes are numbered, and so can be repeated. */
  readonly sessions: boolean;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #world: ClientWorld;
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  /** Calls that are not over. */
  readonly #pending = new Set<Call>();
  #pendingBytes = 0;
  /** Those of them that are to be sent, in this order. */
  #queue = new Set<Call>();
  /** Undefined without sessions. */
  readonly #writes: NumberedWrites | undefined;
  /** Those of them that are repeated after a pause. */
  readonly #repeated = new Set<Call>();
  #repeatTimer: Timer | undefined;
  /** Where calls are sent. */
  #connection: Connection | undefined;
  /** Those that calls are no more sent to, and that have not answered all. */
  readonly #left = new Set<Connection>();
  #reconnectTimer: Timer | undefined;
  /** Connections that were lost since the last answer. */
  #failures = 0;
  /** Redirects since the last answer, and where the last one points to. */
  #redirects = 0;
  #redirectedTo: Address | undefined;
  /** The place in the list of addresses that is tried next. */
  #next: number;
  #isFlushDue = false;
  #isClosed = false;

  constructor(options: DispatcherOptions, world: ClientWorld) {
    this.#options = options;
    this.#world = world;
    this.#deadlines = new Deadlines(world.environment);
    this.#timeoutMs = checkedTimeout(options.timeoutMs, DEFAULT_TIMEOUT_MS);
    if (options.sessions)
      this.#writes = new NumberedWrites(
        () => this.#openSession(),
        () => this.#flushLater(),
      );
    this.#next = Math.floor(world.environment.random() * options.addresses.length);
  }

  /** The time limit of a call, in ms. Throws ArgumentError. */
  timeoutOf({ timeoutMs }: CallOptions): number {
    return checkedTimeout(timeoutMs, this.#timeoutMs);
  }

  /**
   * Resolves to what the reply is decoded to. Rejects with a KvError, also of making the command: so a call is one promise, and
   * need not be one of an async function, too.
   */
  call<T>(commandOf: () => Command, decode: Decode<T>, options: CallOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      const command = commandOf();
      const { signal } = options;
      const timeoutMs = this.timeoutOf(options);
      if (this.#isClosed) throw new ClosedError();
      if (signal?.aborted) throw new AbortedError(command.what, signal.reason);
      if (this.#pending.size >= MAX_PENDING_CALLS)
        throw new OverloadedError(`${this.#pending.size} calls are waiting`);
      if (this.#pendingBytes > 0 && this.#pendingBytes + command.byteLength > MAX_PENDING_BYTES)
        throw new OverloadedError(`calls with ${this.#pendingBytes} bytes are waiting`);
      const deadlineMs = this.#world.environment.nowMs() + timeoutMs;
      const answer = (reply: Reply) => resolve(decode(reply));
      this.#begin(new Call(command, { deadlineMs, timeoutMs, signal }, { answer, reject }, this.#onOver));
    });
  }

  /** Ends all calls at once, then its session if that can be said, and all connections. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reconnectTimer?.cancel();
    this.#repeatTimer?.cancel();
    for (const call of [...this.#pending]) call.giveUp('the client was closed', new ClosedError());
    await this.#endSession();
    this.#deadlines.clear();
    for (const connection of this.#left) connection.destroy();
    this.#left.clear();
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  /** Also when as many calls wait as may: it is what they wait for. */
  #openSession(): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new ClosedError();
      const timeoutMs = SESSION_OPEN_TIMEOUT_MS;
      const deadlineMs = this.#world.environment.nowMs() + timeoutMs;
      const outcome = { answer: (reply: Reply) => resolve(sessionIdOf(reply)), reject };
      const limits = { deadlineMs, timeoutMs, signal: undefined };
      this.#begin(new Call(OPEN_SESSION, limits, outcome, this.#onOver));
    });
  }

  /** The servers would keep it until it expires. */
  #endSession(): Promise<void> {
    const id = this.#writes?.id;
    const connection = this.#connection;
    if (id === undefined || connection?.isReady !== true) return Promise.resolve();
    return new Promise((resolve) => {
      const command = plainCommand('the end of a session', `session close ${id}`);
      const timeoutMs = SESSION_CLOSE_TIMEOUT_MS;
      const deadlineMs = this.#world.environment.nowMs() + timeoutMs;
      const outcome = { answer: () => resolve(), reject: () => resolve() };
      const call = new Call(command, { deadlineMs, timeoutMs, signal: undefined }, outcome, this.#onOver);
      this.#deadlines.add(call);
      connection.send(call);
      connection.flush();
    });
  }

  #begin(call: Call): void {
    this.#pending.add(call);
    this.#pendingBytes += call.command.byteLength;
    this.#deadlines.add(call);
    this.#enqueue(call);
  }

  #enqueue(call: Call): void {
    this.#queue.add(call);
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#isFlushDue || this.#isClosed) return;
    this.#isFlushDue = true;
    this.#world.environment.afterCallback(this.#flush);
  }

  /** Sends what there is room for. */
  readonly #flush = () => {
    this.#isFlushDue = false;
    if (!this.#hasSendable || this.#isClosed) return;
    const connection = this.#connection;
    if (connection === undefined) this.#connect();
    if (connection?.isReady !== true) return;
    const waiting = this.#writes?.waiting ?? NONE;
    for (const call of waiting) {
      if (!connection.hasRoomFor(call.command.byteLength) || !this.#isNumbered(call)) break;
      waiting.delete(call);
      this.#send(call, connection);
    }
    for (const call of this.#queue) {
      if (!connection.hasRoomFor(call.command.byteLength)) break;
      this.#queue.delete(call);
      if (this.#isNumbered(call)) this.#send(call, connection);
      else waiting.add(call);
    }
    connection.flush();
  };

  get #hasSendable(): boolean {
    return this.#queue.size > 0 || (this.#writes !== undefined && this.#writes.waiting.size > 0);
  }

  /** Whether the call has a number, or needs none. */
  #isNumbered(call: Call): boolean {
    return this.#writes === undefined || call.command.isRead || this.#writes.number(call);
  }

  #send(call: Call, connection: Connection): void {
    call.uncertainTries += 1;
    const { number } = call;
    if (number === undefined) connection.send(call);
    else connection.send(call, number.session.prefixOf(number.seq));
  }

  #connect(): void {
    if (this.#connection !== undefined || this.#reconnectTimer !== undefined || this.#isClosed) return;
    const { addresses, password } = this.#options;
    const address = this.#redirectedTo ?? addresses[this.#next % addresses.length];
    if (address === undefined) return;
    this.#connection = new Connection({ address, password, world: this.#world }, this.#handlers);
  }

  readonly #handlers = {
    onReady: () => this.#flush(),
    onRoom: (connection: Connection) => {
      if (connection === this.#connection) {
        if (this.#hasSendable) this.#flushLater();
      } else if (connection.isIdle) {
        this.#left.delete(connection);
        connection.destroy();
      }
    },
    onReply: (connection: Connection, call: Call, reply: Reply) => this.#onReply(connection, call, reply),
    onLost: (connection: Connection, unanswered: Call[], reason: Error) =>
      this.#onLost(connection, unanswered, reason),
  };

  #onReply(connection: Connection, call: Call, reply: Reply): void {
    const { line } = reply;
    if (line.startsWith('ERR_REDIRECT ')) {
      call.uncertainTries -= 1;
      // Before the line is read: one that names no address costs the connection, not the call.
      if (this.#isClosed) call.giveUp('the client was closed', new ClosedError());
      else if (!call.isOver) this.#enqueue(call);
      this.#redirect(connection, addressIn(line));
      return;
    }
    if (line === 'ERR_INTERNAL') {
      this.#onNobody(connection, call);
      return;
    }
    this.#failures = 0;
    this.#redirects = 0;
    if (call.number !== undefined && line.startsWith('ERR_SESSION'))
      this.#onSessionLost(call, call.number, line);
    else if (line === 'ERR_AUTH') call.fail(new AuthError(this.#options.password !== undefined));
    else call.answer(reply);
  }

  /** The session of a call is gone, so this try did nothing; or what it did is not known any more. */
  #onSessionLost(call: Call, number: WriteNumber, line: string): void {
    if (line !== 'ERR_SESSION') {
      call.fail(new UnknownOutcomeError(call.command.what, 'it is done, but the server has not kept how'));
      return;
    }
    this.#writes?.lose(number);
    call.uncertainTries -= 1;
    if (call.isOver) return;
    if (call.isUncertain) {
      call.fail(new UnknownOutcomeError(call.command.what, 'its session ended before it was answered'));
      return;
    }
    number.session.end(number.seq);
    call.number = undefined;
    this.#enqueue(call);
  }

  /** The server could not have the call done: it may know no leader, or hear of no majority. */
  #onNobody(connection: Connection, call: Call): void {
    const reason = new Error('the server has no leader, or no majority, to turn to');
    this.#tellTrouble(reason);
    if (this.#options.addresses.length > 1) this.#leave(connection, undefined);
    this.#repeat(call, reason);
  }

  /** To those that wait to be sent, also for a session, what stands in their way. */
  #tellTrouble(reason: Error): void {
    for (const call of this.#queue) call.trouble = reason;
    for (const call of this.#writes?.waiting ?? NONE) call.trouble = reason;
  }

  #isRepeatable(call: Call): boolean {
    return !this.#isClosed && (!call.isUncertain || call.number !== undefined);
  }

  /** Sends the call again after a pause, unless it may have been done already. */
  #repeat(call: Call, reason: Error): void {
    call.trouble = reason;
    if (call.isOver) return;
    if (!this.#isRepeatable(call)) {
      call.giveUp(reason.message, new ClosedError());
      return;
    }
    call.repeats += 1;
    this.#repeated.add(call);
    const { environment } = this.#world;
    const pauseMs = pauseAfter(call.repeats, MIN_REPEAT_PAUSE_MS, MAX_REPEAT_PAUSE_MS, environment);
    this.#repeatTimer ??= environment.startTimer(this.#sendRepeated, pauseMs);
  }

  readonly #sendRepeated = () => {
    this.#repeatTimer = undefined;
    for (const call of this.#repeated) this.#queue.add(call);
    this.#repeated.clear();
    this.#flushLater();
  };

  #redirect(connection: Connection, to: Address): void {
    if (connection !== this.#connection) return;
    this.#redirects += 1;
    // Two servers may redirect to each other for as long as neither leads.
    const isCircle = this.#redirects > MAX_REDIRECTS || isSame(to, connection.address);
    if (isCircle) this.#failures += 1;
    this.#leave(connection, isCircle ? undefined : to);
  }

  /** Sends no more calls there, and goes on at another server. What it has not answered it may still answer. */
  #leave(connection: Connection, to: Address | undefined): void {
    if (connection !== this.#connection) return;
    this.#left.add(connection);
    this.#connection = undefined;
    this.#goOn(to);
  }

  #onLost(connection: Connection, unanswered: Call[], reason: Error): void {
    this.#left.delete(connection);
    const isCurrent = connection === this.#connection;
    if (isCurrent) this.#connection = undefined;
    if (reason instanceof AuthError) {
      for (const call of unanswered) call.giveUp(reason.message, reason);
      for (const call of [...this.#queue, ...(this.#writes?.waiting ?? NONE)])
        call.giveUp(reason.message, reason);
    }
    this.#tellTrouble(reason);
    const again: Call[] = [];
    for (const call of unanswered) {
      call.trouble = reason;
      if (call.isOver) continue;
      if (this.#isRepeatable(call)) again.push(call);
      else call.giveUp(reason.message, new ClosedError());
    }
    if (again.length > 0) this.#queue = new Set([...again, ...this.#queue]);
    if (!isCurrent) {
      this.#flushLater();
      return;
    }
    this.#failures += 1;
    this.#goOn(undefined);
  }

  /** Connects to that address, or the next of the list: after a pause if connections have failed. */
  #goOn(to: Address | undefined): void {
    if (this.#isClosed) return;
    if (to === undefined && this.#redirectedTo === undefined) this.#next += 1;
    this.#redirectedTo = to;
    if (this.#failures === 0) {
      this.#flushLater();
      return;
    }
    const { environment } = this.#world;
    const pauseMs = pauseAfter(this.#failures, MIN_RECONNECT_PAUSE_MS, MAX_RECONNECT_PAUSE_MS, environment);
    this.#reconnectTimer ??= environment.startTimer(() => {
      this.#reconnectTimer = undefined;
      this.#flushLater();
    }, pauseMs);
  }

  readonly #onOver = (call: Call) => {
    this.#pending.delete(call);
    this.#pendingBytes -= call.command.byteLength;
    this.#queue.delete(call);
    this.#repeated.delete(call);
    this.#writes?.end(call);
    this.#deadlines.delete(call);
  };
}

const NONE = new Set<Call>();

function checkedTimeout(timeoutMs: number | undefined, fallback: number): number {
  if (timeoutMs === undefined) return fallback;
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS))
    throw new ArgumentError(`timeoutMs: ${timeoutMs} is no time from 1 to ${MAX_TIMEOUT_MS} ms`);
  return timeoutMs;
}
