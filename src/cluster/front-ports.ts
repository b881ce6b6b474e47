/**
 * Which server has the port of its slot, and which of them the router goes to, where each answers everything itself: any one
 * that is up, until it is down.
 */

import type { Gateway } from '../gateway/gateway.js';
import type { Member as IdentifiedServer, ServerId, SlotId, Term } from '../raft/types.js';
import type { ClientPort, Ports } from './slot-ports.js';

type PortOwner = Pick<Gateway, 'attach' | 'detach' | 'setLeader'>;

export class FrontPorts implements Ports {
  readonly #gateway: PortOwner;
  /** In the order in which they came up. */
  readonly #up = new Map<SlotId, ServerId>();
  #routedTo: SlotId | undefined;
  /** Counts the choices, for the router, which takes a later one for a later leader. */
  #choices: Term = 0;

  constructor(gateway: PortOwner) {
    this.#gateway = gateway;
  }

  holderOf(slot: SlotId): ServerId | undefined {
    return this.#up.get(slot);
  }

  of({ id, slot }: IdentifiedServer): ClientPort {
    /** It may be down again before its port is open. */
    let isWanted = false;
    return {
      attach: async (channel) => {
        isWanted = true;
        await this.#gateway.attach(slot, channel);
        if (!isWanted) {
          this.#gateway.detach(slot);
          return;
        }
        this.#up.set(slot, id);
        this.#choose();
      },
      detach: () => {
        isWanted = false;
        if (!this.#up.delete(slot)) return;
        this.#gateway.detach(slot);
        if (this.#routedTo !== slot) return;
        this.#routedTo = undefined;
        this.#choose();
      },
      // What the router has sent it is answered while it stops.
      leave: () => Promise.resolve(),
      setLeader: () => undefined,
    };
  }

  #choose(): void {
    if (this.#routedTo !== undefined) return;
    const [slot] = this.#up.keys();
    if (slot === undefined) return;
    this.#routedTo = slot;
    this.#choices += 1;
    this.#gateway.setLeader({ slot, term: this.#choices });
  }
}
