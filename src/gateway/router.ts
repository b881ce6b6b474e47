/**
 * The router port: any client, no redirects. Its connections go to whichever server leads.
 */

import type { Term } from '../raft/types.js';
import type { ClientAddress } from '../wire/control.js';
import { Connections, type SharedByConnections } from './connections.js';
import { DedupeRows } from './dedupe-rows.js';
import type { LeaderSource, RouterTimes } from './leader-source.js';
import { Listener } from './listener.js';
import type { Network, NetworkSocket } from './network.js';
import { RoutedConnection } from './routed-connection.js';
import type { ServerTraffic } from './server-traffic.js';

export class Router implements LeaderSource {
  readonly connections: Connections<RoutedConnection>;
  readonly #times: RouterTimes;
  readonly #dedupeRows: DedupeRows;
  /** Undefined without a port. */
  readonly #listener: Listener | undefined;
  /** The lowest term whose leader may still lead. */
  #term: Term = 0;
  #leader: ServerTraffic | undefined;

  /** @param address of its port; without one, only clients of this process come: see {@link accept} */
  constructor(
    network: Network,
    address: ClientAddress | undefined,
    times: RouterTimes,
    shared: SharedByConnections,
  ) {
    this.connections = new Connections(shared);
    this.#times = times;
    this.#dedupeRows = new DedupeRows(shared.environment);
    if (address === undefined) return;
    this.#listener = new Listener(network, 'router', address, (socket) => this.accept(socket));
  }

  /** Where clients connect; undefined without a port. */
  get address(): ClientAddress | undefined {
    return this.#listener?.address;
  }

  /** Starts a client's connection. */
  accept(socket: NetworkSocket): void {
    new RoutedConnection(socket, this, this.#times, this.connections, this.#dedupeRows);
  }

  get leader(): ServerTraffic | undefined {
    return this.#leader;
  }

  /** Throws {@link ListenError}. */
  async open(): Promise<void> {
    await this.#listener?.open();
  }

  stopListening(): void {
    this.#listener?.close();
  }

  /** A leader was elected; `traffic` is undefined when it is already dead. Late news of a past term is ignored. */
  leaderElected(traffic: ServerTraffic | undefined, term: Term): void {
    if (term < this.#term) return;
    this.#term = term;
    this.#change(traffic);
  }

  /** Nobody leads. */
  leaderLost(): void {
    this.#change(undefined);
  }

  onRefusal(traffic: ServerTraffic, ledTerm: Term): void {
    // Its refusal can be overtaken by the news that it was elected again.
    if (traffic !== this.#leader || ledTerm < this.#term) return;
    this.#term = ledTerm + 1;
    this.#change(undefined);
  }

  #change(leader: ServerTraffic | undefined): void {
    if (leader === this.#leader) return;
    this.#leader = leader;
    for (const connection of this.connections) connection.onLeaderChange();
  }
}
