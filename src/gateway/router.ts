/**
 * The router port: any client, no redirects. Its connections go to whichever server leads.
 */

import type { Term } from '../raft/types.js';
import type { ClientAddress } from '../wire/control.js';
import { Connections, type SharedByConnections } from './connections.js';
import type { LeaderSource, RouterTimes } from './leader-source.js';
import { Listener } from './listener.js';
import type { Network } from './network.js';
import { RoutedConnection } from './routed-connection.js';
import type { ServerTraffic } from './server-traffic.js';

export class Router implements LeaderSource {
  readonly connections: Connections<RoutedConnection>;
  readonly #listener: Listener;
  /** The lowest term whose leader may still lead. */
  #term: Term = 0;
  #leader: ServerTraffic | undefined;

  constructor(network: Network, address: ClientAddress, times: RouterTimes, shared: SharedByConnections) {
    this.connections = new Connections(shared);
    this.#listener = new Listener(network, 'router', address, (socket) => {
      new RoutedConnection(socket, this, times, this.connections);
    });
  }

  get address(): ClientAddress {
    return this.#listener.address;
  }

  get leader(): ServerTraffic | undefined {
    return this.#leader;
  }

  /** Throws {@link ListenError}. */
  open(): Promise<void> {
    return this.#listener.open();
  }

  stopListening(): void {
    this.#listener.close();
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
