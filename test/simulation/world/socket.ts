/**
 * One TCP connection of the simulation: the gateway's end of it, and the client's.
 *
 * Bytes keep their order and are cut anywhere. The operating system holds what the gateway does not read while it has
 * paused, and takes from the gateway only as much as the client has room for. A connection that is closed with bytes
 * unread is reset: the client then may lose the last replies, as with TCP.
 */

import type { NetworkSocket, SocketEvents } from '../../../src/gateway/network.js';
import { MAX_UNWRITTEN_BYTES } from '../../../src/limits.js';
import type { ClientAddress } from '../../../src/wire/control.js';
import type { Random } from '../../../tools/support/random.js';
import type { SimulatedThread } from './thread.js';
import type { World } from './world.js';

/** What a client's end tells. */
export interface ClientEvents {
  onConnected(end: ClientEnd): void;
  onData(bytes: Uint8Array): void;
  /** The gateway sends no more. */
  onEnd(): void;
  /** The connection was reset or refused. Nothing follows. */
  onReset(): void;
}

export interface SocketOptions {
  readonly world: World;
  readonly random: Random;
  /** The client's address, and the gateway's. */
  readonly from: ClientAddress;
  readonly reached: ClientAddress;
  /** The gateway's. */
  readonly thread: SimulatedThread;
  readonly maxDelayMs: number;
  /** Bytes that the operating system takes from the gateway while the client does not read. */
  readonly sendBufferBytes: number;
}

/** What all sockets are read into, and the next read overwrites. */
const MEMORY = new Uint8Array(64 * 1024);
/** What is left in memory that nobody may look at any more. */
const STALE = 0xdb;

/** One direction of the way between the ends: what is sent arrives later, in order. */
class Way {
  readonly #options: SocketOptions;
  #lastArrivalMs = 0;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  carry(arrive: () => void): void {
    const { world, random, maxDelayMs } = this.#options;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, world.nowMs + random.between(0, maxDelayMs));
    world.timeline.at(this.#lastArrivalMs, arrive);
  }
}

export class SimulatedSocket implements NetworkSocket {
  readonly client: ClientEnd;
  readonly #options: SocketOptions;
  readonly #toClient: Way;
  #events: SocketEvents | undefined;
  /** Arrived and not read. */
  #received: Uint8Array[] = [];
  /** The client's end has arrived, and was told. */
  #inputEnd: 'to come' | 'arrived' | 'told' = 'to come';
  /** Written and not taken by the operating system. */
  #unwritten: Uint8Array[] = [];
  #isPaused = false;
  #isReadDue = false;
  #state: 'open' | 'ending' | 'closed' = 'open';
  readonly from: ClientAddress;
  readonly reached: ClientAddress;
  bytesRead = 0;
  bytesWritten = 0;
  unwrittenBytes = 0;
  isBackedUp = false;

  constructor(clientEvents: ClientEvents, options: SocketOptions) {
    this.#options = options;
    this.from = options.from;
    this.reached = options.reached;
    this.#toClient = new Way(options);
    this.client = new ClientEnd(this, clientEvents, options);
  }

  start(events: SocketEvents): void {
    this.#events = events;
    this.#readLater();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#readLater();
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== 'open' || bytes.byteLength === 0) return;
    this.bytesWritten += bytes.byteLength;
    this.unwrittenBytes += bytes.byteLength;
    this.#unwritten.push(bytes);
    this.#handOver();
    const limit = this.#options.random.chance(0.5) ? MAX_UNWRITTEN_BYTES : MAX_UNWRITTEN_BYTES / 4;
    if (this.unwrittenBytes >= limit) this.isBackedUp = true;
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#closeIfWritten();
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    const isReset = this.#state === 'open' || this.#unwritten.length > 0 || this.#received.length > 0;
    this.#close(isReset ? 'reset' : 'end');
  }

  /** The thread has ended: the operating system closes the connection. */
  reset(): void {
    if (this.#state !== 'closed') this.#close('reset');
  }

  /** For the client's end: bytes have arrived. */
  receive(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.#received.push(bytes);
    this.#readLater();
  }

  /** For the client's end: it has ended its side. */
  receiveEnd(): void {
    if (this.#inputEnd !== 'to come') return;
    this.#inputEnd = 'arrived';
    this.#readLater();
  }

  /** For the client's end: it is gone, and whatever is still on its way with it. */
  receiveReset(): void {
    if (this.#state !== 'closed') this.#close('gone');
  }

  /** For the client's end: it has room again. */
  handOver(): void {
    if (this.#state === 'closed') return;
    this.#handOver();
    if (this.isBackedUp && this.unwrittenBytes === 0) {
      this.isBackedUp = false;
      this.#tell((events) => events.onDrained());
    }
    this.#closeIfWritten();
  }

  /** Hands the operating system as much as it takes. */
  #handOver(): void {
    for (let first = this.#unwritten[0]; first !== undefined; first = this.#unwritten[0]) {
      const room = this.#options.sendBufferBytes - this.client.backlogBytes;
      if (room <= 0) return;
      const taken = first.slice(0, room);
      if (taken.byteLength === first.byteLength) this.#unwritten.shift();
      else this.#unwritten[0] = first.subarray(taken.byteLength);
      this.unwrittenBytes -= taken.byteLength;
      this.client.backlogBytes += taken.byteLength;
      this.#toClient.carry(() => this.client.receive(taken));
    }
  }

  #closeIfWritten(): void {
    if (this.#state === 'ending' && this.#unwritten.length === 0)
      this.#close(this.#received.length > 0 ? 'reset' : 'end');
  }

  #close(how: 'end' | 'reset' | 'gone'): void {
    this.#state = 'closed';
    this.#unwritten = [];
    this.#received = [];
    this.unwrittenBytes = 0;
    if (how === 'end') this.#toClient.carry(() => this.client.receiveEnd());
    if (how === 'reset') this.#toClient.carry(() => this.client.receiveReset());
    this.#tell((events) => events.onGone());
  }

  #tell(event: (events: SocketEvents) => void): void {
    const { world, thread } = this.#options;
    world.timeline.after(0, () =>
      thread.deliver(this, () => {
        if (this.#events !== undefined) event(this.#events);
      }),
    );
  }

  #readLater(): void {
    if (this.#isReadDue) return;
    this.#isReadDue = true;
    this.#options.world.timeline.after(0, () => this.#options.thread.deliver(this, () => this.#read()));
  }

  /** Reads once: as much as has come, or less. */
  #read(): void {
    this.#isReadDue = false;
    if (this.#isPaused || this.#state === 'closed' || this.#events === undefined) return;
    const [first] = this.#received;
    if (first !== undefined) {
      this.#received.shift();
      this.#readLater();
      this.bytesRead += first.byteLength;
      MEMORY.set(first);
      this.#events.onData(MEMORY.subarray(0, first.byteLength));
      MEMORY.fill(STALE, 0, first.byteLength);
      return;
    }
    if (this.#inputEnd !== 'arrived') return;
    this.#inputEnd = 'told';
    this.#events.onInputEnd();
  }
}

/** The client's end. It belongs to no thread of the program, and never stalls by itself. */
export class ClientEnd {
  readonly #socket: SimulatedSocket;
  readonly #events: ClientEvents;
  readonly #options: SocketOptions;
  readonly #toGateway: Way;
  /** Arrived, and not read. */
  #received: Uint8Array[] = [];
  #end: 'end' | 'reset' | undefined;
  #isReading = true;
  #hasEnded = false;
  #isClosed = false;
  /** Bytes on their way to the client, or not read by it. */
  backlogBytes = 0;

  constructor(socket: SimulatedSocket, events: ClientEvents, options: SocketOptions) {
    this.#socket = socket;
    this.#events = events;
    this.#options = options;
    this.#toGateway = new Way(options);
  }

  /** Sends bytes, in pieces. */
  write(bytes: Uint8Array): void {
    if (this.#isClosed || this.#hasEnded) return;
    const { random } = this.#options;
    for (let start = 0; start < bytes.byteLength; ) {
      const rest = Math.min(bytes.byteLength - start, MEMORY.byteLength);
      const length = random.chance(0.7) ? rest : 1 + random.below(rest);
      const piece = bytes.slice(start, start + length);
      start += length;
      this.#toGateway.carry(() => this.#socket.receive(piece));
    }
  }

  /** Sends no more, and still reads. */
  end(): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#toGateway.carry(() => this.#socket.receiveEnd());
  }

  /** Is gone at once. */
  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#received = [];
    this.#toGateway.carry(() => this.#socket.receiveReset());
  }

  pauseReading(): void {
    this.#isReading = false;
  }

  resumeReading(): void {
    this.#isReading = true;
    this.#read();
  }

  receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#received.push(bytes);
    this.#read();
  }

  receiveEnd(): void {
    this.#end ??= 'end';
    this.#read();
  }

  receiveReset(): void {
    this.#end = 'reset';
    this.#received = [];
    this.#read();
  }

  #read(): void {
    while (this.#isReading && !this.#isClosed) {
      const bytes = this.#received.shift();
      if (bytes === undefined) break;
      this.backlogBytes -= bytes.byteLength;
      this.#events.onData(bytes);
      this.#socket.handOver();
    }
    if (this.#isClosed || this.#end === undefined || (this.#received.length > 0 && this.#end === 'end'))
      return;
    if (!this.#isReading && this.#end === 'end') return;
    this.#isClosed = true;
    if (this.#end === 'end') this.#events.onEnd();
    else this.#events.onReset();
  }
}
