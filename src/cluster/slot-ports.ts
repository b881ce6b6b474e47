/**
 * Which server has the port of its slot. That is one at a time: while a server is replaced, two of one slot may run, so that a
 * process that starts in the middle of it has the votes of both.
 */

import { setTimeout } from 'node:timers/promises';
import type { Gateway } from '../gateway/gateway.js';
import type { ServerChannel } from '../gateway/server-traffic.js';
import type { Member as IdentifiedServer, ServerId, SlotId, Term } from '../raft/types.js';
import { MAX_LEAVE_MS } from '../time-limits.js';

const LEAVE_PAUSE_MS = 2;

/** The port as one server uses it. */
export interface ClientPort {
  /** The server is up: opens the port, unless another server of its slot has it. Rejects with ListenError. */
  attach(channel: ServerChannel): Promise<void>;
  /** The server is down: closes the port, or leaves it to the other server of its slot. */
  detach(): void;
  /** The server is to stop: resolves once it has given back what the router sent it. It does so at once if it leads no more. */
  leave(): Promise<void>;
  /** The server, which is up, was elected. */
  setLeader(term: Term): void;
}

/** The ports of all servers. */
export interface Ports {
  /** The server that has the slot's port, if one has. */
  holderOf(slot: SlotId): ServerId | undefined;
  of(server: IdentifiedServer): ClientPort;
}

type PortOwner = Pick<Gateway, 'attach' | 'detach' | 'isRoutingTo' | 'setLeader'>;

/** A server that is up. */
interface Candidate {
  readonly slot: SlotId;
  readonly channel: ServerChannel;
  /** The term in which it leads. */
  term: Term | undefined;
}

export class SlotPorts implements Ports {
  readonly #gateway: PortOwner;
  readonly #onDisplaced: (server: ServerId) => void;
  readonly #up = new Map<ServerId, Candidate>();
  readonly #holders = new Map<SlotId, ServerId>();

  /** @param onDisplaced is told of a server that must give its port to one that leads: by ending, to be started again */
  constructor(gateway: PortOwner, onDisplaced: (server: ServerId) => void) {
    this.#gateway = gateway;
    this.#onDisplaced = onDisplaced;
  }

  holderOf(slot: SlotId): ServerId | undefined {
    return this.#holders.get(slot);
  }

  of(server: IdentifiedServer): ClientPort {
    return {
      attach: (channel) => this.#attach(server, channel),
      detach: () => this.#detach(server),
      leave: () => this.#leave(server),
      setLeader: (term) => this.#setLeader(server, term),
    };
  }

  async #attach({ id, slot }: IdentifiedServer, channel: ServerChannel): Promise<void> {
    this.#up.set(id, { slot, channel, term: undefined });
    if (!this.#holders.has(slot)) await this.#give(slot, id);
  }

  #detach({ id, slot }: IdentifiedServer): void {
    this.#up.delete(id);
    if (this.#holders.get(slot) !== id) return;
    this.#holders.delete(slot);
    this.#gateway.detach(slot);
    for (const [other, candidate] of this.#up) {
      if (candidate.slot !== slot) continue;
      // What is wrong with the port is told to the server that opens it at its own start.
      this.#give(slot, other).catch(() => this.#onDisplaced(other));
      return;
    }
  }

  async #leave({ id, slot }: IdentifiedServer): Promise<void> {
    const giveUpAtMs = performance.now() + MAX_LEAVE_MS;
    while (this.#holders.get(slot) === id && this.#gateway.isRoutingTo(slot)) {
      if (performance.now() > giveUpAtMs) return;
      await setTimeout(LEAVE_PAUSE_MS);
    }
  }

  #setLeader({ id, slot }: IdentifiedServer, term: Term): void {
    const elected = this.#up.get(id);
    if (elected === undefined) return;
    elected.term = term;
    const holder = this.#holders.get(slot);
    if (holder === id) this.#gateway.setLeader({ slot, term });
    else if (holder !== undefined) this.#onDisplaced(holder);
  }

  async #give(slot: SlotId, id: ServerId): Promise<void> {
    const candidate = this.#up.get(id);
    if (candidate === undefined) return;
    this.#holders.set(slot, id);
    try {
      await this.#gateway.attach(slot, candidate.channel);
    } catch (error) {
      if (this.#holders.get(slot) === id) this.#holders.delete(slot);
      throw error;
    }
    if (candidate.term !== undefined && this.#holders.get(slot) === id)
      this.#gateway.setLeader({ slot, term: candidate.term });
  }
}
