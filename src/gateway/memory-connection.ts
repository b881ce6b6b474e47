/**
 * A connection without a socket: its client is in this process. The gateway sees the socket of any other client; the client
 * has the other end, on which what it writes is there at once.
 */

import type { Environment } from '../environment.js';
import { MAX_UNWRITTEN_BYTES } from '../limits.js';
import type { ClientAddress } from '../wire/control.js';
import type { NetworkSocket, SocketEvents } from './network.js';

/** What the client's end tells: each call is an event of its own, and none comes after {@link MemoryClient.destroy}. */
export interface MemoryClientEvents {
  onOpen(): void;
  /** At least one byte. They do not change any more. */
  onData(bytes: Uint8Array): void;
  /** The gateway has closed the connection. The last call. */
  onClosed(reason: Error): void;
}

/** The client's end. Its methods must not be called from within a call of the gateway's. */
export interface MemoryClient {
  /** Bytes that the gateway has not taken yet. */
  readonly unwrittenBytes: number;
  /** Sends bytes, which must not change afterwards. */
  write(bytes: Uint8Array): void;
  /** Hands out nothing until {@link resume}. */
  pause(): void;
  resume(): void;
  destroy(): void;
}

/** What such clients are told of as their address, and connect to. */
const THIS_PROCESS: ClientAddress = { host: '127.0.0.1', port: 0 };

export class MemorySocket implements NetworkSocket {
  readonly from = THIS_PROCESS;
  readonly reached = THIS_PROCESS;
  readonly isInProcess = true;
  readonly client: MemoryClient;
  bytesRead = 0;
  bytesWritten = 0;
  unwrittenBytes = 0;
  isBackedUp = false;
  readonly #environment: Environment;
  readonly #clientEvents: MemoryClientEvents;
  #events: SocketEvents | undefined;
  /** Sent by the client while the gateway did not read. */
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #isPaused = false;
  /** Written by the gateway, and not handed to the client yet. */
  #unwritten: Uint8Array[] = [];
  #clientIsPaused = false;
  #deliveryIsDue = false;
  #state: 'open' | 'ending' | 'closed' = 'open';
  #clientIsGone = false;

  constructor(environment: Environment, clientEvents: MemoryClientEvents) {
    this.#environment = environment;
    this.#clientEvents = clientEvents;
    const socket = this;
    this.client = {
      get unwrittenBytes() {
        return socket.#unreadBytes;
      },
      write: (bytes) => this.#receive(bytes),
      pause: () => {
        this.#clientIsPaused = true;
      },
      resume: () => {
        this.#clientIsPaused = false;
        this.#deliverLater();
      },
      destroy: () => this.#leave(),
    };
  }

  start(events: SocketEvents): void {
    this.#events = events;
    this.#environment.afterCallback(() => {
      if (!this.#clientIsGone && this.#state === 'open') this.#clientEvents.onOpen();
    });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#unread.length > 0) this.#environment.afterCallback(() => this.#read());
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== 'open' || bytes.byteLength === 0) return;
    this.bytesWritten += bytes.byteLength;
    this.unwrittenBytes += bytes.byteLength;
    this.#unwritten.push(bytes);
    if (this.unwrittenBytes >= MAX_UNWRITTEN_BYTES) this.isBackedUp = true;
    this.#deliverLater();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#deliverLater();
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#unwritten = [];
    this.#close();
  }

  #receive(bytes: Uint8Array): void {
    if (this.#state === 'closed' || this.#clientIsGone || bytes.byteLength === 0) return;
    if (this.#isPaused || this.#unread.length > 0 || this.#events === undefined) {
      this.#unread.push(bytes);
      this.#unreadBytes += bytes.byteLength;
      return;
    }
    this.bytesRead += bytes.byteLength;
    this.#events.onData(bytes);
  }

  #read(): void {
    while (!this.#isPaused && this.#state !== 'closed') {
      const bytes = this.#unread.shift();
      if (bytes === undefined) return;
      this.#unreadBytes -= bytes.byteLength;
      this.bytesRead += bytes.byteLength;
      this.#events?.onData(bytes);
    }
  }

  #deliverLater(): void {
    if (this.#deliveryIsDue) return;
    this.#deliveryIsDue = true;
    this.#environment.afterCallback(this.#deliver);
  }

  readonly #deliver = () => {
    this.#deliveryIsDue = false;
    while (this.#unwritten.length > 0 && !this.#clientIsPaused && !this.#clientIsGone) {
      const pieces = this.#unwritten;
      this.#unwritten = [];
      this.unwrittenBytes = 0;
      for (const bytes of pieces) if (!this.#clientIsGone) this.#clientEvents.onData(bytes);
    }
    if (this.#unwritten.length > 0) return;
    if (this.isBackedUp && this.#state === 'open') {
      this.isBackedUp = false;
      this.#events?.onDrained();
    }
    if (this.#state === 'ending') this.#close();
  };

  /** The client is gone at once. */
  #leave(): void {
    this.#clientIsGone = true;
    if (this.#state !== 'closed') this.#close();
  }

  #close(): void {
    this.#state = 'closed';
    this.#unread = [];
    this.#unreadBytes = 0;
    this.#unwritten = [];
    this.unwrittenBytes = 0;
    this.#environment.afterCallback(() => {
      this.#events?.onGone();
      if (!this.#clientIsGone) this.#clientEvents.onClosed(new Error('the cluster closed the connection'));
    });
  }
}
