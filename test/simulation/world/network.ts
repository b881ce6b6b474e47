/**
 * The network of the simulation: ports that the gateway listens on, and clients that connect to them.
 */

import type { Network, NetworkListener, NetworkSocket } from '../../../src/gateway/network.js';
import type { ClientAddress } from '../../../src/wire/control.js';
import type { Random } from '../../../tools/support/random.js';
import { type ClientEvents, SimulatedSocket } from './socket.js';
import type { SimulatedThread } from './thread.js';
import type { World } from './world.js';

export interface NetworkOptions {
  readonly world: World;
  readonly random: Random;
  readonly maxDelayMs: number;
  readonly sendBufferBytes: number;
}

interface OpenPort {
  readonly thread: SimulatedThread;
  readonly accept: (socket: NetworkSocket) => void;
}

/** Free ports are given from here on. */
const FIRST_FREE_PORT = 40_000;
const CLIENT_HOST = '127.0.0.1';

export class SimulatedNetwork {
  readonly #options: NetworkOptions;
  readonly #ports = new Map<number, OpenPort>();
  #nextFreePort = FIRST_FREE_PORT;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** The network as one thread of the program sees it. Its ports and sockets close when it ends. */
  of(thread: SimulatedThread): Network {
    return { listen: (address, accept) => this.#listen(thread, address, accept) };
  }

  /** Connects a client, unless nobody listens: then it is told of a reset. */
  connect(address: ClientAddress, events: ClientEvents): void {
    const { world, random, maxDelayMs } = this.#options;
    const { port } = address;
    world.timeline.after(random.between(0, maxDelayMs), () => {
      const open = this.#ports.get(port);
      if (open === undefined) {
        events.onReset();
        return;
      }
      const { thread, accept } = open;
      const from = { host: CLIENT_HOST, port: this.#nextFreePort++ };
      const socket = new SimulatedSocket(events, { ...this.#options, thread, from, reached: address });
      thread.onEnd(() => socket.reset());
      thread.deliver(open, () => {
        // Who was not accepted when the port closes never is.
        if (this.#ports.get(port) === open) accept(socket);
        else socket.reset();
      });
      events.onConnected(socket.client);
    });
  }

  async #listen(
    thread: SimulatedThread,
    { host, port }: ClientAddress,
    accept: OpenPort['accept'],
  ): Promise<NetworkListener> {
    const { world, random, maxDelayMs } = this.#options;
    await new Promise<void>((resolve) => {
      const listener = {};
      world.timeline.after(random.between(0, maxDelayMs), () => thread.deliver(listener, resolve));
    });
    const number = port === 0 ? this.#nextFreePort++ : port;
    if (this.#ports.has(number)) throw new AddressInUseError(number);
    const open = { thread, accept };
    this.#ports.set(number, open);
    const close = () => {
      if (this.#ports.get(number) === open) this.#ports.delete(number);
    };
    thread.onEnd(close);
    return { address: { host, port: number }, close };
  }
}

/** As the operating system would say it. */
class AddressInUseError extends Error {
  readonly code = 'EADDRINUSE';
  readonly syscall = 'listen';

  constructor(port: number) {
    super(`listen EADDRINUSE: port ${port}`);
  }
}
