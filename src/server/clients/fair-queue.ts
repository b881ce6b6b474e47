/**
 * How much of a client's stream is taken at once, so that no client waits for all that another client has sent.
 *
 * When bytes of a client come in, one quantum of it is served. A client with more than that queues, and in each turn the
 * clients that have queued longest get another quantum. Clients whose bytes came in while there was no room queue as well, and
 * go first if little of them waits: a client that asks one thing at a time does not wait for thousands that have sent a lot.
 */

import {
  MAX_MODEST_UNANSWERED_BYTES,
  MAX_QUEUED_QUANTA_PER_TURN,
  MAX_TAKEN_BYTES_PER_TURN,
  MAX_TAKEN_COMMANDS_PER_TURN,
} from '../../limits.js';
import type { ClientConnection, PendingCommand } from './client-connection.js';
import type { InFlight } from './in-flight.js';

/** What is taken of a stream that queues counts as a quantum from so many bytes on, and as at least that share of one. */
const WHOLE_QUANTUM_BYTES = 1024;
const LEAST_SHARE_OF_QUANTUM = 1 / 16;

/** What a client may still take of its stream before it is the next one's turn. */
export class Quantum {
  commands = MAX_TAKEN_COMMANDS_PER_TURN;
  /** No command is taken that begins here in the stream, or later. */
  readonly endOffset: number;

  constructor({ parser }: ClientConnection) {
    this.endOffset = parser.consumed + MAX_TAKEN_BYTES_PER_TURN;
  }
}

export class FairQueue {
  readonly #inFlight: InFlight;
  /** In the order in which they queued: those of which little waits, and the others. */
  readonly #brief = new Set<ClientConnection>();
  readonly #long = new Set<ClientConnection>();
  #isLongFirst = false;

  constructor(inFlight: InFlight) {
    this.#inFlight = inFlight;
  }

  /** Whether a client can be served at once. */
  get isDue(): boolean {
    return this.#brief.size + this.#long.size > 0 && this.#inFlight.hasRoom;
  }

  has(client: ClientConnection): boolean {
    return this.#brief.has(client) || this.#long.has(client);
  }

  /** Queues the client after all others of its kind, unless it queues already. */
  add(client: ClientConnection): void {
    if (this.has(client)) return;
    client.parser.wait();
    const queue = client.waitingBytes <= MAX_MODEST_UNANSWERED_BYTES ? this.#brief : this.#long;
    queue.add(client);
  }

  remove(client: ClientConnection): void {
    this.#brief.delete(client);
    this.#long.delete(client);
  }

  /** Whether the client may take another command. */
  mayTake(client: ClientConnection, { commands, endOffset }: Quantum): boolean {
    return client.mayTake && commands > 0 && client.parser.consumed < endOffset && this.#inFlight.hasRoom;
  }

  /**
   * Hands out the commands that have come in, as far as the quantum goes. If there may be more the client queues, or is
   * stopped until it is answered or read from.
   */
  take(
    client: ClientConnection,
    quantum: Quantum,
    nowMs: number,
    handle: (command: PendingCommand) => void,
  ): void {
    while (this.mayTake(client, quantum)) {
      const command = client.take(nowMs);
      if (command === undefined) {
        if (client.parser.isUnfinished) break;
        return;
      }
      quantum.commands -= 1;
      handle(command);
    }
    if (client.mayTake) this.add(client);
    else {
      client.isStopped = true;
      client.parser.wait();
    }
  }

  /**
   * Serves those that have queued longest, a few of them and while there is room: those of which little waits before the
   * others, but for one of the others in every second turn. `serve` takes them out of the queue.
   */
  serve(serve: (client: ClientConnection) => void): void {
    if (this.#brief.size + this.#long.size === 0) return;
    this.#isLongFirst = !this.#isLongFirst;
    let quanta = MAX_QUEUED_QUANTA_PER_TURN;
    // Those that are served may queue again, at the end: each queue is gone through as it is now, without a copy of thousands.
    const briefCount = this.#brief.size;
    let longCount = this.#long.size;
    const serveFirst = (queue: ReadonlySet<ClientConnection>, count: number) => {
      let left = count;
      for (const client of queue) {
        if (left === 0 || quanta <= 0 || !this.#inFlight.hasRoom) return;
        left -= 1;
        const before = client.parser.consumed;
        serve(client);
        quanta -= shareOfQuantum(client, client.parser.consumed - before);
      }
    };
    if (this.#isLongFirst && longCount > 0) {
      serveFirst(this.#long, 1);
      longCount -= 1;
    }
    serveFirst(this.#brief, briefCount);
    serveFirst(this.#long, longCount);
  }
}

/** How much of a quantum it is to have taken so many bytes of the client's stream. */
function shareOfQuantum({ parser }: ClientConnection, byteCount: number): number {
  if (parser.isUnfinished) return 1;
  return byteCount === 0 ? 0 : Math.min(1, Math.max(LEAST_SHARE_OF_QUANTUM, byteCount / WHOLE_QUANTUM_BYTES));
}
