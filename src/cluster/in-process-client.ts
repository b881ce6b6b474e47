/** Clients of a cluster in its own process: gets go to the leader directly, all else to the gateway without a socket. */

import type { ByteSpan } from '../bytes/byte-reader.js';
import { Client } from '../client/base-client.js';
import type { CallOptions } from '../client/call.js';
import { DEFAULT_TIMEOUT_MS } from '../client/client-limits.js';
import type { Dial, Link } from '../client/world.js';
import { NODE_ENVIRONMENT } from '../environment.js';
import type { Gateway } from '../gateway/gateway.js';
import type { MemoryClient, MemoryClientEvents } from '../gateway/memory-connection.js';
import { MIN_LOOKUP_TIMEOUT_MS } from '../time-limits.js';
import { NotRunningError } from './cluster-errors.js';
import { InProcessLookups, isPlainKey, type LookUp } from './in-process-lookups.js';

export interface InProcessClientOptions {
  /** How long a call may take that does not say so itself, in ms; 10 s unless given. */
  readonly timeoutMs?: number | undefined;
}

/** Nobody looks it up: there is one place to go. */
const THIS_PROCESS = { host: 'this process', port: 1 };

const NO_OPTIONS: CallOptions = {};

/** What such a client reaches its cluster by. */
interface InProcessWays {
  /** A connection as that of any client; undefined while the cluster does not run. */
  readonly connect: (events: MemoryClientEvents) => MemoryClient | undefined;
  readonly lookUp: LookUp;
}

class InProcessClient extends Client {
  readonly #onClose: () => void;
  readonly #timeoutMs: number;
  readonly #lookups: InProcessLookups;

  constructor(
    { timeoutMs }: InProcessClientOptions,
    { connect, lookUp }: InProcessWays,
    onClose: () => void,
  ) {
    const dial: Dial = (_address, events) => connect(events) ?? refused(events);
    super({ servers: [THIS_PROCESS], timeoutMs }, { environment: NODE_ENVIRONMENT, dial });
    this.#onClose = onClose;
    this.#timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#lookups = new InProcessLookups(lookUp, NODE_ENVIRONMENT);
  }

  override get(key: string, options: CallOptions = NO_OPTIONS): Promise<string | undefined> {
    return this.#lookUp(key, options, textOf, (left) => super.get(key, left));
  }

  override getBuffer(key: string, options: CallOptions = NO_OPTIONS): Promise<Buffer | undefined> {
    return this.#lookUp(key, options, bytesOf, (left) => super.getBuffer(key, left));
  }

  override async close(): Promise<void> {
    this.#onClose();
    this.#lookups.close();
    await super.close();
  }

  /** @param ask asks as any other client does, with these options */
  #lookUp<T>(
    key: string,
    options: CallOptions,
    decode: (value: ByteSpan) => T,
    ask: (options: CallOptions) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { signal, timeoutMs = this.#timeoutMs } = options;
    // Where little time is left once it is given up, or the other way can say at once what is wrong.
    if (signal !== undefined || !(timeoutMs >= MIN_LOOKUP_TIMEOUT_MS) || !isPlainKey(key))
      return ask(options);
    const sinceMs = NODE_ENVIRONMENT.nowMs();
    return new Promise((resolve) => {
      this.#lookups.begin({
        key,
        answer: (value) => resolve(value && decode(value)),
        giveUp: () => {
          const leftMs = timeoutMs - (NODE_ENVIRONMENT.nowMs() - sinceMs);
          resolve(ask({ timeoutMs: Math.max(1, leftMs) }));
        },
      });
    });
  }
}

function textOf({ memory, start, length }: ByteSpan): string {
  return memory.bytes.toString('utf8', start, start + length);
}

/** In memory of their own. */
function bytesOf({ memory, start, length }: ByteSpan): Buffer {
  const own = Buffer.allocUnsafeSlow(length);
  memory.bytes.copy(own, 0, start, start + length);
  return own;
}

export class InProcessClients {
  /** A connection as that of any client; undefined while the cluster does not run. */
  readonly connect: InProcessWays['connect'];
  readonly #lookUp: LookUp;
  readonly #open = new Set<Client>();

  constructor(gateway: () => Pick<Gateway, 'connect' | 'lookUp'> | undefined) {
    this.connect = (events) => gateway()?.connect(events);
    this.#lookUp = (keys, onFound) => gateway()?.lookUp(keys, onFound) === true;
  }

  /** Throws ArgumentError. */
  open(options: InProcessClientOptions): Client {
    const ways = { connect: this.connect, lookUp: this.#lookUp };
    const client: Client = new InProcessClient(options, ways, () => this.#open.delete(client));
    this.#open.add(client);
    return client;
  }

  /** Releases the locks of all of them, as far as that is possible in a moment. None is acquired any more. */
  async releaseLocks(): Promise<void> {
    await Promise.all([...this.#open].map((client) => client.releaseLocks()));
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
