/**
 * Where clients come in: a port for each server, and the router's port for all of them.
 *
 * It knows nothing of keys and values. It carries bytes to the server that a connection belongs to, replies
 * back, and makes clients wait that are too fast for their server.
 */

import type { Environment } from '../environment.js';
import { streamLimits } from '../limits.js';
import type { SlotId, Term } from '../raft/types.js';
import { LEADER_WAIT_MS } from '../time-limits.js';
import type { ClientAddress } from '../wire/control.js';
import { type Connection, ConnectionIds, type PortMeasurements } from './connections.js';
import { Doorkeeper, type Doors } from './doorkeeper.js';
import { closeIdleClients } from './idle-clients.js';
import { type MemoryClient, type MemoryClientEvents, MemorySocket } from './memory-connection.js';
import type { Network } from './network.js';
import { QuestionRelay } from './question-relay.js';
import { Router } from './router.js';
import { ServerListener } from './server-listener.js';
import type { OnFound, ServerChannel } from './server-traffic.js';
import { Slices } from './slices.js';
import { unansweredRooms } from './unanswered.js';
import { UnwrittenSockets } from './unwritten-sockets.js';

export interface GatewayOptions {
  readonly host: string;
  /** The client port of each server, by its slot; 0 takes any free one. */
  readonly serverPorts: ReadonlyMap<SlotId, number>;
  /** The router's port, 0 for any free one; without it only clients of this process are routed. */
  readonly routerPort: number | undefined;
  /** After this long idle clients are closed; never unless given. */
  readonly idleTimeoutMs?: number;
  /** What clients must tell; nothing unless given. */
  readonly doors?: Doors;
  /** How long a leader that is no more may take to tell what it did with the commands in flight. */
  readonly electionTimeoutMs: number;
  /** The length of the largest value that the servers take; that of this thread unless told. */
  readonly maxValueBytes?: number;
  /** How long commands on the router's port wait for a leader; `LEADER_WAIT_MS` unless told. */
  readonly leaderWaitMs?: number;
}

export interface GatewayMeasurements {
  /** The measurements of each server's own port, by its slot. */
  readonly servers: ReadonlyMap<SlotId, PortMeasurements>;
  /** The measurements of the router's port, clients of this process included. */
  readonly router: PortMeasurements;
}

/** What a gateway is handed of the world around it. */
export interface GatewayWorld {
  readonly environment: Environment;
  readonly network: Network;
}

export class Gateway {
  readonly #environment: Environment;
  readonly #serverListeners = new Map<SlotId, ServerListener>();
  readonly #newListener: (slot: SlotId, port: number) => ServerListener;
  readonly #endIdleWatch: () => void;
  readonly #router: Router;
  #isClosing = false;

  constructor(options: GatewayOptions, { environment, network }: GatewayWorld) {
    this.#environment = environment;
    const { host, routerPort } = options;
    const limits = streamLimits(options.maxValueBytes);
    const slices = new Slices(environment);
    const shared = {
      environment,
      limits,
      ids: new ConnectionIds(),
      unwritten: new UnwrittenSockets(environment),
      unanswered: unansweredRooms(environment, limits),
      questions: new QuestionRelay(environment, slices, () => this.#allConnections()),
      doorkeeper: new Doorkeeper(environment, options.doors),
      slices,
    };
    const times = {
      leaderWaitMs: options.leaderWaitMs ?? LEADER_WAIT_MS,
      refusalGraceMs: options.electionTimeoutMs,
    };
    const { idleTimeoutMs } = options;
    this.#endIdleWatch =
      idleTimeoutMs === undefined
        ? () => undefined
        : closeIdleClients(environment, idleTimeoutMs, () => this.#allConnections());
    this.#newListener = (slot, port) =>
      new ServerListener(network, `clients of server ${slot}`, { host, port }, shared);
    for (const [slot, port] of options.serverPorts)
      this.#serverListeners.set(slot, this.#newListener(slot, port));
    const routerAddress = routerPort === undefined ? undefined : { host, port: routerPort };
    this.#router = new Router(network, routerAddress, times, shared);
  }

  /** Where the clients of a server connect. */
  serverAddress(slot: SlotId): ClientAddress {
    return this.#serverListener(slot).address;
  }

  /** Where any client connects; undefined without a router's port. */
  get routerAddress(): ClientAddress | undefined {
    return this.#router.address;
  }

  /** Connects a client of this process to whichever server leads; undefined once the gateway closes. */
  connect(events: MemoryClientEvents): MemoryClient | undefined {
    if (this.#isClosing) return undefined;
    const socket = new MemorySocket(this.#environment, events);
    this.#router.accept(socket);
    return socket.client;
  }

  /**
   * Asks whichever server leads for the values of keys, of one character per byte, for a client of this process. Returns false,
   * and never calls back, where none can be asked at once.
   */
  lookUp(keys: readonly string[], onFound: OnFound): boolean {
    return !this.#isClosing && this.#router.leader?.lookUp(keys, onFound) === true;
  }

  measure(): GatewayMeasurements {
    return {
      servers: new Map(
        [...this.#serverListeners].map(([slot, { connections }]) => [slot, connections.measure()]),
      ),
      router: this.#router.connections.measure(),
    };
  }

  /**
   * Opens the router's port, and checks that those of the servers can be opened once they are up: that they cannot is
   * better known before any of them has started. The addresses are known from then on. Throws {@link ListenError}.
   */
  async start(): Promise<void> {
    for (const server of this.#serverListeners.values()) await server.reserve();
    await this.#router.open();
  }

  /** There is a new server. Checks that its port can be opened, as {@link start} does. Throws {@link ListenError}. */
  async add(slot: SlotId, port: number): Promise<void> {
    const listener = this.#newListener(slot, port);
    await listener.reserve();
    this.#serverListeners.set(slot, listener);
  }

  /** A server is gone for good: closes its port. */
  remove(slot: SlotId): void {
    this.detach(slot);
    this.#serverListeners.delete(slot);
  }

  /**
   * A server is up: opens its port. When the channel says that the server is gone, that is as {@link detach}.
   * Throws {@link ListenError}.
   */
  async attach(slot: SlotId, channel: ServerChannel): Promise<void> {
    await this.#serverListener(slot).open(channel, () => this.detach(slot));
  }

  /**
   * A server is down: closes its connections at once and refuses new ones, as a dead process would. Commands on
   * the router's port that it did not answer are answered or go to the next leader.
   */
  detach(slot: SlotId): void {
    const server = this.#serverListener(slot);
    if (server.traffic !== undefined && server.traffic === this.#router.leader) this.#router.leaderLost();
    server.close();
  }

  /** Whether commands on the router's port are at this server: of one that leads no more, until it has given them back. */
  isRoutingTo(slot: SlotId): boolean {
    const { traffic } = this.#serverListener(slot);
    if (traffic === undefined || this.#router === undefined) return false;
    for (const connection of this.#router.connections) if (connection.traffic === traffic) return true;
    return false;
  }

  /** Tells the router who leads, undefined for nobody. An announcement of a past term is ignored. */
  setLeader(leader: { readonly slot: SlotId; readonly term: Term } | undefined): void {
    if (leader === undefined) this.#router.leaderLost();
    else this.#router.leaderElected(this.#serverListener(leader.slot).traffic, leader.term);
  }

  /**
   * Refuses new clients, lets the commands in flight be answered for at most `drainMs`, and closes every
   * connection. Servers must stay up until it resolves.
   */
  async close(drainMs: number): Promise<void> {
    this.#isClosing = true;
    const ports = [...this.#serverListeners.values(), this.#router];
    for (const port of ports) {
      port.stopListening();
      port.connections.finishAll();
    }
    const allClosed = Promise.all(ports.map((port) => port.connections.whenEmpty()));
    const deadline = this.#environment.startTimer(() => {
      for (const port of ports) port.connections.destroyAll();
    }, drainMs);
    this.#endIdleWatch();
    await allClosed;
    deadline.cancel();
    for (const server of this.#serverListeners.values()) server.close();
  }

  *#allConnections(): Generator<Connection> {
    for (const server of this.#serverListeners.values()) yield* server.connections;
    yield* this.#router.connections;
  }

  #serverListener(slot: SlotId): ServerListener {
    const server = this.#serverListeners.get(slot);
    if (server === undefined) throw new RangeError(`there is no server ${slot}`);
    return server;
  }
}
