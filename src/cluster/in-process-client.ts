/** Clients of a cluster in its own process: bytes go to the gateway without a socket. */

import { Client } from '../client/base-client.js';
import type { Dial, Link } from '../client/world.js';
import { NODE_ENVIRONMENT } from '../environment.js';
import type { MemoryClient, MemoryClientEvents } from '../gateway/memory-connection.js';
import { NotRunningError } from './cluster-errors.js';

export interface InProcessClientOptions {
  /** How long a call may take that does not say so itself, in ms; 10 s unless given. */
  readonly timeoutMs?: number | undefined;
}

/** Nobody looks it up: there is one place to go. */
const THIS_PROCESS = { host: 'this process', port: 1 };

class InProcessClient extends Client {
  readonly #onClose: () => void;

  constructor({ timeoutMs }: InProcessClientOptions, dial: Dial, onClose: () => void) {
    super({ servers: [THIS_PROCESS], timeoutMs }, { environment: NODE_ENVIRONMENT, dial });
    this.#onClose = onClose;
  }

  override async close(): Promise<void> {
    this.#onClose();
    await super.close();
  }
}

export class InProcessClients {
  /** A connection as that of any client; undefined while the cluster does not run. */
  readonly connect: (events: MemoryClientEvents) => MemoryClient | undefined;
  readonly #open = new Set<Client>();

  constructor(connect: (events: MemoryClientEvents) => MemoryClient | undefined) {
    this.connect = connect;
  }

  /** Throws ArgumentError. */
  open(options: InProcessClientOptions): Client {
    const dial: Dial = (_address, events) => this.connect(events) ?? refused(events);
    const client: Client = new InProcessClient(options, dial, () => this.#open.delete(client));
    this.#open.add(client);
    return client;
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open].map((client) => client.close()));
  }
}

function refused(events: MemoryClientEvents): Link {
  let isDestroyed = false;
  NODE_ENVIRONMENT.afterCallback(() => {
    if (!isDestroyed) events.onClosed(new NotRunningError());
  });
  return {
    unwrittenBytes: 0,
    write: () => {},
    pause: () => {},
    resume: () => {},
    destroy: () => {
      isDestroyed = true;
    },
  };
}
