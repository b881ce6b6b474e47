/** The world of a KvClient in the simulation: virtual time, and connections that break now and then. */

import type { Address, ClientWorld, Link, LinkEvents } from '../../../src/client/world.js';
import type { Random } from '../../../tools/support/random.js';
import type { SimulatedNetwork } from '../world/network.js';
import type { ClientEnd } from '../world/socket.js';
import type { World } from '../world/world.js';

const HOST = 'simulated';

export interface KvWorldOptions {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly random: Random;
  /** How often a connection breaks when something is sent on it. */
  readonly breakRate: () => number;
}

export function kvWorld({ world, network, random, breakRate }: KvWorldOptions): ClientWorld {
  return {
    environment: {
      nowMs: () => world.nowMs,
      random: random.next,
      startTimer: (callback, delayMs) => world.timeline.after(delayMs, callback),
      afterCallback: (callback) => world.afterCallback(callback),
    },
    dial: (address, events) => new SimulatedLink(address, events, { network, random, world, breakRate }),
  };
}

class SimulatedLink implements Link {
  readonly #options: KvWorldOptions;
  readonly #events: LinkEvents;
  readonly unwrittenBytes = 0;
  #end: ClientEnd | undefined;
  #isClosed = false;

  constructor({ port }: Address, events: LinkEvents, options: KvWorldOptions) {
    this.#options = options;
    this.#events = events;
    options.network.connect(
      { host: HOST, port },
      {
        onConnected: (end) => {
          if (this.#isClosed) {
            end.destroy();
            return;
          }
          this.#end = end;
          events.onOpen();
        },
        onData: (bytes) => {
          if (!this.#isClosed) events.onData(bytes);
        },
        onEnd: () => this.#close('ended'),
        onReset: () => this.#close('reset'),
      },
    );
  }

  write(bytes: Uint8Array): void {
    const { random, breakRate, world } = this.#options;
    this.#end?.write(bytes);
    if (!random.chance(breakRate())) return;
    this.#end?.destroy();
    world.timeline.after(0, () => this.#close('broken'));
  }

  pause(): void {
    this.#end?.pauseReading();
  }

  resume(): void {
    this.#end?.resumeReading();
  }

  destroy(): void {
    this.#isClosed = true;
    this.#end?.destroy();
  }

  #close(how: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.onClosed(new Error(how));
  }
}
