/** The connection of a client that only listens: when it is gone another is made, to a port that is drawn anew. */

import type { Random } from '../../../tools/support/random.js';
import type { SimulatedNetwork } from '../world/network.js';
import type { ClientEnd } from '../world/socket.js';
import type { World } from '../world/world.js';

export interface LastingConnectionOptions {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly random: Random;
  /** Where it may connect. */
  readonly ports: () => readonly number[];
}

/** What the client does. Nothing more is told of a connection that is gone. */
export interface LastingConnectionHandlers {
  /** It is about to connect: what came over the connection before is void. */
  onBegin(): void;
  onConnected(): void;
  onBytes(bytes: Uint8Array): void;
  /** The connection is gone. */
  onLost?(): void;
}

const HOST = 'simulated';
const MAX_RECONNECT_PAUSE_MS = 60;

export class LastingConnection {
  readonly #options: LastingConnectionOptions;
  readonly #handlers: LastingConnectionHandlers;
  #end: ClientEnd | undefined;
  /** Counts the connections, and how often one was lost. */
  #current = 0;

  constructor(options: LastingConnectionOptions, handlers: LastingConnectionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  connect(): void {
    const { network, random, ports } = this.#options;
    this.#current += 1;
    const connection = this.#current;
    this.#handlers.onBegin();
    const isCurrent = () => connection === this.#current;
    network.connect(
      { host: HOST, port: random.of(ports()) },
      {
        onConnected: (end) => {
          if (!isCurrent()) return;
          this.#end = end;
          this.#handlers.onConnected();
        },
        onData: (bytes) => {
          if (isCurrent()) this.#handlers.onBytes(bytes);
        },
        onEnd: () => this.#lose(connection),
        onReset: () => this.#lose(connection),
      },
    );
  }

  send(text: string): void {
    this.#end?.write(Buffer.from(text, 'latin1'));
  }

  /** Gives the connection up, and makes another. */
  giveUp(): void {
    this.#end?.destroy();
    this.#lose(this.#current);
  }

  #lose(connection: number): void {
    if (connection !== this.#current) return;
    this.#current += 1;
    this.#end = undefined;
    this.#handlers.onLost?.();
    const { world, random } = this.#options;
    world.timeline.after(random.between(0, MAX_RECONNECT_PAUSE_MS), () => this.connect());
  }
}
