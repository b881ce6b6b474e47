/**
 * A connection to the admin port, between its socket and Node's HTTP server, which would parse all that has come at once:
 * thousands of requests, each of which takes memory before anybody can refuse it. Here it gets a little in a turn of the event
 * loop, of one connection, and of a connection that is paused nothing.
 */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { MAX_DISCARDED_BYTES, MAX_PARSED_BYTES } from './admin-limits.js';
import type { OwnTurns } from './own-turns.js';

interface Piece {
  readonly chunk: Uint8Array;
}

export class AdminConnection extends Duplex {
  /** Beneath HTTP: with TLS, the socket that has what the client has shown. */
  readonly socket: Socket;
  readonly #turns: OwnTurns;
  /** What came and was not parsed. */
  #held: Uint8Array = new Uint8Array(0);
  #isWanted = false;
  /** It waits for its turn. */
  #isDue = false;
  #hasEnded = false;
  /** Bytes that may still come, to be thrown away; undefined while what comes is parsed. */
  #discardable: number | undefined;

  /** @param turns has one of all connections parsed in a turn */
  constructor(socket: Socket, turns: OwnTurns) {
    super({ readableHighWaterMark: MAX_PARSED_BYTES, decodeStrings: true });
    this.socket = socket;
    this.#turns = turns;
    socket.on('data', (bytes: Uint8Array) => {
      if (this.#discardable !== undefined) {
        this.#discardable -= bytes.byteLength;
        if (this.#discardable <= 0) socket.pause();
        return;
      }
      socket.pause();
      this.#held = bytes;
      this.#feed();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#feed();
    });
    socket.on('timeout', () => this.emit('timeout'));
    // A reset needs no more than the 'close' that follows it.
    socket.on('error', () => {});
    socket.on('close', () => this.destroy());
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress ?? '';
  }

  /** As that of a socket: after so long without a byte in either direction, 'timeout' is emitted. */
  setTimeout(timeoutMs: number, onTimeout?: () => void): this {
    this.socket.setTimeout(timeoutMs);
    if (onTimeout !== undefined) this.once('timeout', onTimeout);
    return this;
  }

  /** Throws away what comes from now on, and reads no more after {@link MAX_DISCARDED_BYTES}. */
  discard(): void {
    this.#discardable = MAX_DISCARDED_BYTES;
    this.socket.resume();
  }

  /** Ends the connection once what is written has gone. */
  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
    this.end();
  }

  override _read(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#feed();
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.socket.write(bytes, done);
  }

  override _writev(pieces: readonly Piece[], done: (error?: Error | null) => void): void {
    this.socket.write(Buffer.concat(pieces.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }

  #feed(): void {
    if (!this.#isWanted || this.#isDue || this.#discardable !== undefined) return;
    if (this.#held.byteLength > 0) {
      this.#isDue = true;
      this.#turns.next().then(() => this.#parse());
    } else if (this.#hasEnded) this.push(null);
    else this.socket.resume();
  }

  #parse(): void {
    this.#isDue = false;
    if (this.destroyed) return;
    const bytes = this.#held.subarray(0, MAX_PARSED_BYTES);
    this.#held = this.#held.subarray(bytes.byteLength);
    this.#isWanted = false;
    this.push(bytes);
  }
}

/** The connection that the request came by. */
export function connectionOf({ socket }: Pick<IncomingMessage, 'socket'>): AdminConnection {
  if (socket instanceof AdminConnection) return socket;
  throw new TypeError('the request came by no connection of the admin port');
}
