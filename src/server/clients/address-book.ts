/** Where clients find the members of the cluster: by the configuration in force and the addresses of its slots. */

import { votersOf } from '../../raft/configuration.js';
import type { Raft } from '../../raft/raft.js';
import type { Configuration, ServerId, SlotId } from '../../raft/types.js';
import type { ClientAddress } from '../../wire/control.js';

/** A server whose vote counts, as clients see it. */
export interface KnownMember {
  readonly id: ServerId;
  readonly address: ClientAddress;
  /** Whether it serves as far as this server knows. */
  readonly isUp: boolean;
}

export interface AddressBookOptions {
  readonly raft: Pick<Raft, 'configuration'>;
  /** Where the clients of each slot connect. */
  readonly addresses: ReadonlyMap<SlotId, ClientAddress>;
  /** Whether that server serves, as far as this server knows; the two may be the same. */
  readonly isUp: (id: ServerId) => boolean;
}

export class AddressBook {
  readonly #raft: AddressBookOptions['raft'];
  readonly #addresses: AddressBookOptions['addresses'];
  readonly #isUp: AddressBookOptions['isUp'];
  /** The slots of all members there were: a leader that was removed leads until its removal is committed. */
  readonly #slots = new Map<ServerId, SlotId>();
  #noted: Configuration | undefined;

  constructor({ raft, addresses, isUp }: AddressBookOptions) {
    this.#raft = raft;
    this.#addresses = addresses;
    this.#isUp = isUp;
  }

  /** Where the clients of a server connect; undefined when that is not known. */
  addressOf(id: ServerId): ClientAddress | undefined {
    this.#note();
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : this.#addresses.get(slot);
  }

  /** The servers whose votes count, in the order of their slots. */
  get voters(): readonly KnownMember[] {
    const voters = [...votersOf(this.#raft.configuration)].sort((a, b) => a.slot - b.slot);
    return voters.flatMap(({ id }) => {
      const address = this.addressOf(id);
      return address === undefined ? [] : [{ id, address, isUp: this.#isUp(id) }];
    });
  }

  /** On how many servers besides the leader each acknowledged write is at least. */
  get replicasOfWrite(): number {
    const { voters, outgoing } = this.#raft.configuration;
    return Math.floor(Math.max(voters.length, outgoing.length) / 2);
  }

  #note(): void {
    const { configuration } = this.#raft;
    if (configuration === this.#noted) return;
    this.#noted = configuration;
    for (const { id, slot } of votersOf(configuration)) this.#slots.set(id, slot);
  }
}
