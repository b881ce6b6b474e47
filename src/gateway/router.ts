/**
 * The router port: any client, no redirects. Its connections go to whichever server leads, or is about to.
 */

import type { Term } from '../raft/types.js';
import type { ClientAddress } from '../wire/control.js';
import { Connections, type SharedByConnections } from './connections.js';
import { Listener } from './listener.js';
import { type LeaderSource, RoutedConnection, type RouterTimes } from './routed-connection.js';
import type { ServerTraffic } from './server-traffic.js';

export class Router implements LeaderSource {
  readonly connections: Connections<RoutedConnection>;
  readonly #listener: Listener;
  readonly #presumptionMs: number;
  /** The lowest term whose leader is not yet known to be a thing of the past. */
  #term: Term = 0;
  #leader: ServerTraffic | undefined;
  /** Runs while the leader is not known to be elected, only likely to be. */
  #presumption: NodeJS.Timeout | undefined;

  constructor(address: ClientAddress, times: RouterTimes, shared: SharedByConnections) {
    this.connections = new Connections(shared);
    this.#presumptionMs = times.presumptionMs;
    this.#listener = new Listener('router', address, (socket) => {
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

  /**
   * The leader is about to end, and this server is the first to campaign then. What it is sent meanwhile it proposes as
   * soon as it leads; if it is not elected it refuses. One that does neither in time is none.
   */
  leaderPresumed(traffic: ServerTraffic | undefined): void {
    this.#change(traffic);
    if (traffic === undefined) return;
    this.#presumption = setTimeout(() => this.leaderLost(), this.#presumptionMs);
  }

  /** Nobody leads. */
  leaderLost(): void {
    this.#change(undefined);
  }

  onRefusal(traffic: ServerTraffic, ledTerm: Term): void {
    if (this.#leader !== undefined && traffic !== this.#leader) return;
    // Its refusal can be overtaken by the news that it was elected again.
    if (ledTerm >= this.#term) this.#term = ledTerm + 1;
    else if (this.#presumption === undefined) return;
    this.#change(undefined);
  }

  #change(leader: ServerTraffic | undefined): void {
    clearTimeout(this.#presumption);
    this.#presumption = undefined;
    if (leader === this.#leader) return;
    this.#leader = leader;
    for (const connection of this.connections) connection.onLeaderChange();
  }
}
