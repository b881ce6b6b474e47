/**
 * How the servers of a cluster are joined: a channel for each two that are up, with the faults that were asked for, and where the
 * other's clients connect.
 */

import { MessageChannel } from 'node:worker_threads';
import type { ClientAddress } from '../wire/control.js';
import type { LinkFaults } from './faults.js';
import type { Member } from './member.js';

export interface ServerLinksOptions {
  readonly faults: LinkFaults;
  /** All servers there are now. */
  readonly servers: () => readonly Member[];
  /** What clients are told of where to connect. */
  readonly addressOf: (member: Member) => ClientAddress;
}

export class ServerLinks {
  readonly #options: ServerLinksOptions;

  constructor(options: ServerLinksOptions) {
    this.#options = options;
  }

  /** The server takes calls: joins it with every other one that does, faults included. */
  join(member: Member): void {
    const { addressOf } = this.#options;
    for (const peer of this.#othersThan(member)) {
      if (!peer.isUp) continue;
      member.tell({ type: 'address', slot: peer.id, address: addressOf(peer) });
      peer.tell({ type: 'address', slot: member.id, address: addressOf(member) });
      const { port1, port2 } = new MessageChannel();
      member.tell({ type: 'joined', peer: peer.identity, port: port1 });
      peer.tell({ type: 'joined', peer: member.identity, port: port2 });
    }
    void this.#applyFaultsOf(member);
  }

  /**
   * Tells the others that a server no longer serves anybody. They would notice by themselves, but a thread takes tens of
   * milliseconds to end.
   */
  tellOfEnd(member: Member): void {
    for (const peer of this.#othersThan(member)) peer.tell({ type: 'ended', peer: member.identity });
  }

  /** Has every server disturb its links as was asked for, and resolves once all that are up do. */
  async applyFaults(): Promise<void> {
    await Promise.all(this.#options.servers().map((member) => this.#applyFaultsOf(member)));
  }

  async #applyFaultsOf(member: Member): Promise<void> {
    await Promise.all(
      this.#othersThan(member).map((peer) => {
        const fault = this.#options.faults.of(member.id, peer.id);
        return member.instruct((control) => control.setLinkFault(peer.identity, fault));
      }),
    );
  }

  #othersThan(member: Member): readonly Member[] {
    return this.#options.servers().filter((peer) => peer !== member);
  }
}
