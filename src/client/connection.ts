/**
 * One connection to a server: commands go out in order, and each reply belongs to the oldest command that has none. What is
 * over when its reply comes, for want of time or by a signal, still takes its place in that order.
 */

import type { Timer } from '../environment.js';
import { textOfAddress } from './address.js';
import type { Call } from './call.js';
import { AuthError } from './client-errors.js';
import {
  CONNECT_TIMEOUT_MS,
  MAX_IN_FLIGHT_BYTES,
  MAX_IN_FLIGHT_COMMANDS,
  SILENCE_MS,
} from './client-limits.js';
import { Fifo } from './fifo.js';
import { BadReplyError, type Reply, ReplyReader } from './reply-reader.js';
import type { Address, ClientWorld, Link } from './world.js';

/** How often a connection with commands in flight looks whether the other side is alive. */
const LOOK_MS = SILENCE_MS / 3;

export interface ConnectionHandlers {
  /** Commands can be sent. */
  onReady(connection: Connection): void;
  /** A call was answered. */
  onReply(connection: Connection, call: Call, reply: Reply): void;
  /** Replies came, so there may be room for more commands. */
  onRoom(connection: Connection): void;
  /** The connection is lost, with the calls that were not answered, the oldest first. The last event. */
  onLost(connection: Connection, unanswered: Call[], reason: Error): void;
}

export interface ConnectionOptions {
  readonly address: Address;
  readonly password: string | undefined;
  readonly world: ClientWorld;
}

export class Connection {
  readonly address: Address;
  readonly #handlers: ConnectionHandlers;
  readonly #world: ClientWorld;
  readonly #password: string | undefined;
  readonly #link: Link;
  readonly #replies = new ReplyReader();
  readonly #inFlight = new Fifo<Call>();
  #inFlightBytes = 0;
  #state: 'opening' | 'authenticating' | 'ready' | 'lost' = 'opening';
  /** Text that is to go out with the next flush, and pieces before it. */
  #text = '';
  #pieces: Uint8Array[] = [];
  #timer: Timer | undefined;
  /** When the other side, or the way to it, was last seen to move. */
  #aliveAtMs = 0;
  #unwrittenBytes = 0;

  constructor({ address, password, world }: ConnectionOptions, handlers: ConnectionHandlers) {
    this.address = address;
    this.#handlers = handlers;
    this.#world = world;
    this.#password = password;
    this.#link = world.dial(address, {
      onOpen: () => this.#onOpen(),
      onData: (bytes) => this.#onData(bytes),
      onClosed: (reason) => this.lose(reason),
    });
    this.#timer = world.environment.startTimer(() => {
      this.lose(new Error(`no connection to ${textOfAddress(address)} within ${CONNECT_TIMEOUT_MS} ms`));
    }, CONNECT_TIMEOUT_MS);
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  get isIdle(): boolean {
    return this.#inFlight.length === 0;
  }

  /** Whether a command of that length can be sent now. */
  hasRoomFor(byteLength: number): boolean {
    if (this.#inFlight.length === 0) return true;
    return (
      this.#inFlight.length < MAX_IN_FLIGHT_COMMANDS &&
      this.#inFlightBytes + byteLength <= MAX_IN_FLIGHT_BYTES
    );
  }

  /** Sends a call's command with the next {@link flush}, after these words. */
  send(call: Call, prefix = ''): void {
    if (this.#inFlight.length === 0) this.#expectReply();
    const { text, value, byteLength } = call.command;
    this.#inFlight.push(call);
    this.#inFlightBytes += byteLength;
    this.#text += prefix + text;
    if (value === undefined) return;
    this.#seal();
    this.#pieces.push(value);
    this.#text = '\r\n';
  }

  /** Hands what was sent to the operating system. */
  flush(): void {
    this.#seal();
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#pieces = [];
    this.#link.write(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces));
  }

  /** Closes the connection at once; nobody is told. */
  destroy(): void {
    this.#state = 'lost';
    this.#timer?.cancel();
    this.#link.destroy();
  }

  /** Gives the connection up. */
  lose(reason: Error): void {
    if (this.#state === 'lost') return;
    this.destroy();
    this.#handlers.onLost(this, this.#inFlight.drain(), reason);
  }

  #seal(): void {
    if (this.#text === '') return;
    this.#pieces.push(Buffer.from(this.#text));
    this.#text = '';
  }

  #onOpen(): void {
    if (this.#password === undefined) {
      this.#becomeReady();
      return;
    }
    this.#state = 'authenticating';
    this.#link.write(Buffer.from(`auth ${this.#password}\r\n`));
  }

  #becomeReady(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#state = 'ready';
    this.#handlers.onReady(this);
  }

  #onData(bytes: Uint8Array): void {
    this.#aliveAtMs = this.#world.environment.nowMs();
    this.#replies.push(bytes);
    try {
      for (let reply = this.#replies.next(); reply !== undefined; reply = this.#replies.next()) {
        this.#onReply(reply);
        if (this.#state === 'lost') return;
      }
    } catch (error) {
      this.lose(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.isReady) this.#handlers.onRoom(this);
  }

  #onReply(reply: Reply): void {
    if (this.#state === 'authenticating') {
      if (reply.line === 'OK') this.#becomeReady();
      else this.lose(reply.line === 'ERR_AUTH' ? new AuthError(true) : new BadReplyError(reply.line));
      return;
    }
    const call = this.#inFlight.shift();
    // Redis's words: a server that has too many clients says so before it knows the protocol.
    if (reply.line.startsWith('-')) {
      if (call !== undefined) this.#inFlight.prepend([call]);
      throw new Error(`${textOfAddress(this.address)} turns clients away: ${reply.line.slice(1)}`);
    }
    if (call === undefined) throw new BadReplyError(reply.line);
    this.#inFlightBytes -= call.command.byteLength;
    this.#handlers.onReply(this, call, reply);
  }

  #expectReply(): void {
    this.#aliveAtMs = this.#world.environment.nowMs();
    this.#timer ??= this.#world.environment.startTimer(this.#look, LOOK_MS);
  }

  /** Whether the other side is alive, while a reply is due. A frozen one closes nothing. */
  readonly #look = () => {
    this.#timer = undefined;
    if (this.isIdle) return;
    const nowMs = this.#world.environment.nowMs();
    const { unwrittenBytes } = this.#link;
    if (unwrittenBytes !== this.#unwrittenBytes) this.#aliveAtMs = nowMs;
    this.#unwrittenBytes = unwrittenBytes;
    if (nowMs - this.#aliveAtMs < SILENCE_MS)
      this.#timer = this.#world.environment.startTimer(this.#look, LOOK_MS);
    else this.lose(new Error(`${textOfAddress(this.address)} was silent for ${SILENCE_MS} ms`));
  };
}
