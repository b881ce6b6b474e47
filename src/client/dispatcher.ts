/**
 * Brings calls to whichever server answers them: finds it, follows redirects, connects anew when a connection is lost, and
 * repeats what can be repeated until its time is over.
 */

import type { Timer } from '../environment.js';
import { isSame } from './address.js';
import { Call, type CallOptions, type Decode } from './call.js';
import { AbortedError, ArgumentError, AuthError, ClosedError, OverloadedError } from './client-errors.js';
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
} from './client-limits.js';
import { Connection } from './connection.js';
import { Deadlines } from './deadlines.js';
import { BadReplyError, type Reply } from './reply-reader.js';
import type { Command } from './text-commands.js';
import type { Address, ClientWorld } from './world.js';

export interface DispatcherOptions {
  readonly addresses: readonly Address[];
  readonly password: string | undefined;
  readonly timeoutMs: number | undefined;
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
  #trouble: Error | undefined;
  #isFlushDue = false;
  #isClosed = false;

  constructor(options: DispatcherOptions, world: ClientWorld) {
    this.#options = options;
    this.#world = world;
    this.#deadlines = new Deadlines(world.environment);
    this.#timeoutMs = checkedTimeout(options.timeoutMs, DEFAULT_TIMEOUT_MS);
    this.#next = Math.floor(world.environment.random() * options.addresses.length);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves to what the reply is decoded to. Rejects with a KvError. */
  call<T>(command: Command, decode: Decode<T>, options: CallOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const timeoutMs = checkedTimeout(options.timeoutMs, this.#timeoutMs);
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

  /** Ends all calls and connections at once. */
  close(): void {
    this.#isClosed = true;
    this.#connection?.destroy();
    for (const connection of this.#left) connection.destroy();
    this.#connection = undefined;
    this.#left.clear();
    this.#reconnectTimer?.cancel();
    this.#repeatTimer?.cancel();
    for (const call of [...this.#pending]) call.giveUp('the client was closed', new ClosedError());
    this.#deadlines.clear();
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
    if (this.#queue.size === 0 || this.#isClosed) return;
    const connection = this.#connection;
    if (connection === undefined) this.#connect();
    if (connection?.isReady !== true) return;
    for (const call of this.#queue) {
      if (!connection.hasRoomFor(call.command.byteLength)) break;
      this.#queue.delete(call);
      call.uncertainTries += 1;
      connection.send(call);
    }
    connection.flush();
  };

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
        if (this.#queue.size > 0) this.#flushLater();
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
      this.#redirect(connection, addressIn(line));
      if (!call.isOver) this.#enqueue(call);
      return;
    }
    if (line === 'ERR_INTERNAL') {
      this.#onNobody(connection, call);
      return;
    }
    this.#failures = 0;
    this.#redirects = 0;
    if (line === 'ERR_AUTH') call.fail(new AuthError(this.#options.password !== undefined));
    else call.answer(reply);
  }

  /** The server could not have the call done: it may know no leader, or hear of no majority. */
  #onNobody(connection: Connection, call: Call): void {
    this.#trouble = new Error('the server has no leader, or no majority, to turn to');
    if (this.#options.addresses.length > 1) this.#leave(connection, undefined);
    this.#repeat(call, this.#trouble);
  }

  /** Sends the call again after a pause, unless it may have been done already. */
  #repeat(call: Call, reason: Error): void {
    call.trouble = reason;
    if (call.isOver) return;
    if (call.isUncertain) {
      call.giveUp(reason.message, new ClosedError());
      return;
    }
    call.repeats += 1;
    this.#repeated.add(call);
    const { environment } = this.#world;
    const pauseMs = pauseOf(call.repeats, MIN_REPEAT_PAUSE_MS, MAX_REPEAT_PAUSE_MS) * jitter(environment);
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
    this.#trouble = reason;
    if (reason instanceof AuthError) {
      for (const call of unanswered) call.giveUp(reason.message, reason);
      for (const call of [...this.#queue]) call.giveUp(reason.message, reason);
    }
    for (const call of this.#queue) call.trouble = reason;
    const again: Call[] = [];
    for (const call of unanswered) {
      call.trouble = reason;
      if (call.isOver) continue;
      if (call.isUncertain) call.giveUp(reason.message, new ClosedError());
      else again.push(call);
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
    if (to === undefined && this.#redirectedTo === undefined) this.#next += 1;
    this.#redirectedTo = to;
    if (this.#failures === 0) {
      this.#flushLater();
      return;
    }
    const { environment } = this.#world;
    const pauseMs =
      pauseOf(this.#failures, MIN_RECONNECT_PAUSE_MS, MAX_RECONNECT_PAUSE_MS) * jitter(environment);
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
    this.#deadlines.delete(call);
  };
}

function addressIn(line: string): Address {
  const [, host = '', port = ''] = line.split(' ');
  const address = { host, port: Number(port) };
  if (host === '' || !Number.isInteger(address.port)) throw new BadReplyError(JSON.stringify(line));
  return address;
}

/** Throws ArgumentError. */
function checkedTimeout(timeoutMs: number | undefined, fallback: number): number {
  if (timeoutMs === undefined) return fallback;
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS))
    throw new ArgumentError(`timeoutMs: ${timeoutMs} is no time from 1 to ${MAX_TIMEOUT_MS} ms`);
  return timeoutMs;
}

function pauseOf(failures: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 16));
}

/** So that those who lost the same server do not all come back at once. */
function jitter(environment: { random(): number }): number {
  return 0.5 + environment.random() / 2;
}
