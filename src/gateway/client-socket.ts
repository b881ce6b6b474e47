/**
 * A client's TCP connection as the rest of the gateway sees it: bytes in, pausing for several reasons at once,
 * and replies out in as few writes as possible.
 */

import type { Environment, Timer } from '../environment.js';
import { MAX_TRAFFIC_BATCH_BYTES, type StreamLimits } from '../limits.js';
import { HALF_SENT_TIMEOUT_MS } from '../time-limits.js';
import type { ClientAddress } from '../wire/control.js';
import type { NetworkSocket } from './network.js';
import type { Slices } from './slices.js';
import type { UnwrittenSockets } from './unwritten-sockets.js';

/** Reasons to pause a socket. It is read again when no reason is left. */
export const PauseReason = { ownLimit: 1, totalLimit: 2, serverFull: 4, unreadReplies: 8 } as const;
export type PauseReason = (typeof PauseReason)[keyof typeof PauseReason];

/** What a connection hears of its socket. */
export interface SocketHandlers {
  /** Bytes came, never none. The next to come overwrite them: copy what is to be kept. */
  onData(bytes: Uint8Array): void;
  /** No more bytes will come, replies may still be written. */
  onInputEnd(): void;
  /** Bytes were written, or the backlog has gone: time to look at {@link ClientSocket.backlogBytes}. */
  onWritten(): void;
  /** The socket is closed, by whichever side. The last call. */
  onGone(): void;
}

/** What the sockets of a gateway have in common. */
export interface SocketSurroundings {
  readonly unwritten: UnwrittenSockets;
  readonly limits: StreamLimits;
  readonly slices: Pick<Slices, 'run'>;
}

/**
 * A reply is a view of a whole batch from a server. The batch must not be kept alive for a client that does not read, so short
 * replies are copied. A reply this long is most of its batch, so keeping the batch wastes little; copying it would be slow.
 */
const MIN_UNCOPIED_BYTES = MAX_TRAFFIC_BATCH_BYTES / 2;

export class ClientSocket {
  readonly #socket: NetworkSocket;
  readonly #handlers: SocketHandlers;
  readonly #unwritten: UnwrittenSockets;
  readonly #maxUnreadReplyBytes: number;
  #replies: Uint8Array[] = [];
  #pauses = 0;
  #restDue: Timer | undefined;
  #inputEnded = false;

  /** Starts a socket that was just accepted. */
  constructor(
    accepted: NetworkSocket,
    handlers: SocketHandlers,
    { unwritten, limits, slices }: SocketSurroundings,
  ) {
    this.#socket = accepted;
    this.#handlers = handlers;
    this.#unwritten = unwritten;
    this.#maxUnreadReplyBytes = limits.maxUnreadReplyBytes;
    accepted.start({
      onData: (bytes) => {
        if (!this.#inputEnded) handlers.onData(bytes);
      },
      // A thousand clients may go at once. Ends come after all that was read, and before the socket is gone.
      onInputEnd: () =>
        slices.run(() => {
          this.#endInput();
          return true;
        }),
      onDrained: () => {
        this.resume(PauseReason.unreadReplies);
        handlers.onWritten();
      },
      onGone: () =>
        slices.run(() => {
          this.gotRest();
          handlers.onGone();
          return true;
        }),
    });
  }

  /** Closes the connection unless {@link gotRest} is called in time: half a line has come. No effect when called again. */
  expectRest(environment: Pick<Environment, 'startTimer'>): void {
    this.#restDue ??= environment.startTimer(() => this.destroy(), HALF_SENT_TIMEOUT_MS);
  }

  gotRest(): void {
    this.#restDue?.cancel();
  }

  /** Bytes that were to be written and that the operating system has not yet taken. */
  get backlogBytes(): number {
    return this.#socket.unwrittenBytes;
  }

  get from(): ClientAddress {
    return this.#socket.from;
  }

  get isInProcess(): boolean {
    return this.#socket.isInProcess === true;
  }

  get reached(): ClientAddress {
    return this.#socket.reached;
  }

  /** Bytes read from the client so far. */
  get inBytes(): number {
    return this.#socket.bytesRead;
  }

  /** Bytes written to the client so far. */
  get outBytes(): number {
    return this.#socket.bytesWritten;
  }

  /** Whether the client reads too slowly; `onWritten` is called when it caught up. */
  get backedUp(): boolean {
    return this.#socket.isBackedUp;
  }

  /** Whether somebody wants it not to be read. */
  get isPaused(): boolean {
    return this.#pauses !== 0;
  }

  /** Stops reading until the reason is gone. Unread data, and the end of the stream, stay in the operating system. */
  pause(reason: PauseReason): void {
    if (!this.isPaused) this.#socket.pause();
    this.#pauses |= reason;
  }

  resume(reason: PauseReason): void {
    if (!this.isPaused) return;
    this.#pauses &= ~reason;
    if (!this.isPaused) this.#socket.resume();
  }

  /** Queues bytes; what is queued in one go (a batch from a server) is written at once at its end. */
  write(bytes: Uint8Array): void {
    if (this.#replies.push(bytes) === 1) this.#unwritten.add(this);
  }

  /** Hands what is queued to the operating system. */
  flush(): void {
    this.#writeQueued();
    // Servers limit the replies to their clients. Here it limits replies that the gateway itself writes.
    if (this.backlogBytes > this.#maxUnreadReplyBytes) this.pause(PauseReason.unreadReplies);
    this.#handlers.onWritten();
  }

  /**
   * Acts as if the client had ended its side. What still comes is thrown away rather than left unread: closing
   * a socket with unread bytes resets it, and the client could lose its last replies.
   */
  finishInput(): void {
    this.#endInput();
    this.#pauses = 0;
    this.#socket.resume();
  }

  /** Writes what is queued, then closes the connection. */
  end(): void {
    this.#inputEnded = true;
    this.#writeQueued();
    this.#socket.end();
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.#inputEnded = true;
    this.#replies = [];
    this.#socket.destroy();
  }

  #writeQueued(): void {
    const replies = this.#replies;
    if (replies.length === 0) return;
    this.#replies = [];
    let from = 0;
    for (let at = 0; at < replies.length; at += 1) {
      const reply = replies[at];
      if (reply === undefined || reply.byteLength < MIN_UNCOPIED_BYTES) continue;
      this.#writeTogether(replies.slice(from, at));
      this.#socket.write(reply);
      from = at + 1;
    }
    this.#writeTogether(from === 0 ? replies : replies.slice(from));
  }

  #writeTogether(replies: readonly Uint8Array[]): void {
    const [first] = replies;
    if (first === undefined) return;
    const inPlace = replies.length === 1 && this.#socket.unwrittenBytes === 0;
    this.#socket.write(inPlace ? first : concatenate(replies));
  }

  #endInput(): void {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#handlers.onInputEnd();
  }
}

/** The bytes in memory of their own; Buffer.concat would take it from Node's shared pool. */
function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.byteLength;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.byteLength;
  }
  return whole;
}
