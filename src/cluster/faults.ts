/**
 * The injected faults of links. The cluster keeps them, since they outlast the death of a server.
 */

import type { ServerId } from '../raft/types.js';
import { type LinkFault, NO_FAULT } from '../wire/control.js';
import { FaultError } from './cluster-errors.js';

/** One direction between two servers. */
export interface LinkRequest {
  readonly from: ServerId;
  readonly to: ServerId;
  /** Fraction of messages lost, 0 to 1; 0 unless given. */
  readonly dropRate?: number;
  /** How late each message is, in ms, drawn uniformly from the range; not late unless given. */
  readonly delayMs?: readonly [min: number, max: number];
}

const MAX_DELAY_MS = 60_000;
const LOSES_ALL: LinkFault = { dropRate: 1, delayMs: [0, 0] };

/** The faults of the network between servers. */
export interface CurrentFaults {
  /** The groups of a partition as they were given; empty without a partition. */
  readonly groups: readonly (readonly ServerId[])[];
  readonly links: readonly Required<LinkRequest>[];
}

export class LinkFaults {
  readonly #isServer: (id: ServerId) => boolean;
  readonly #links = new Map<string, LinkFault>();
  /** Messages between servers of different groups are lost. */
  #groupOf = new Map<ServerId, number>();
  #groups: readonly (readonly ServerId[])[] = [];

  /** @param isServer whether there is a server of that id */
  constructor(isServer: (id: ServerId) => boolean) {
    this.#isServer = isServer;
  }

  /** What happens to messages in this direction. */
  of(from: ServerId, to: ServerId): LinkFault {
    if (this.#groupOf.get(from) !== this.#groupOf.get(to)) return LOSES_ALL;
    return this.#links.get(linkName(from, to)) ?? NO_FAULT;
  }

  /** All faults that are in force. */
  get current(): CurrentFaults {
    const links = [...this.#links].map(([name, fault]) => {
      const [from, to] = name.split('>').map(Number);
      return { from: from ?? 0, to: to ?? 0, ...fault };
    });
    return { groups: this.#groups, links };
  }

  /**
   * Splits the servers into groups, in place of an earlier partition. Servers in no group are together in one more.
   * Throws {@link FaultError}.
   */
  partition(groups: readonly (readonly ServerId[])[]): void {
    const groupOf = new Map<ServerId, number>();
    for (const [group, ids] of groups.entries()) {
      for (const id of ids) {
        this.#checkServer(id);
        if (groupOf.has(id)) throw new FaultError(`server ${id} is in two groups, or twice in one`);
        groupOf.set(id, group);
      }
    }
    this.#groupOf = groupOf;
    this.#groups = groups;
  }

  /** Makes one direction lossy or slow. Throws {@link FaultError}. */
  setLink({ from, to, dropRate = 0, delayMs = [0, 0] }: LinkRequest): void {
    this.#checkServer(from);
    this.#checkServer(to);
    if (from === to) throw new FaultError('from and to are the same server: a link joins two');
    if (!(dropRate >= 0 && dropRate <= 1)) throw new FaultError(`dropRate ${dropRate} is not from 0 to 1`);
    const [minMs, maxMs] = delayMs;
    if (!(minMs >= 0 && maxMs >= minMs && maxMs <= MAX_DELAY_MS)) {
      throw new FaultError(`delayMs [${minMs}, ${maxMs}] is not a range within 0 to ${MAX_DELAY_MS}`);
    }
    if (dropRate === 0 && maxMs === 0) this.#links.delete(linkName(from, to));
    else this.#links.set(linkName(from, to), { dropRate, delayMs });
  }

  /** Undoes everything. */
  heal(): void {
    this.#links.clear();
    this.#groupOf.clear();
    this.#groups = [];
  }

  #checkServer(id: ServerId): void {
    if (!this.#isServer(id)) throw new FaultError(`there is no server ${id}`);
  }
}

function linkName(from: ServerId, to: ServerId): string {
  return `${from}>${to}`;
}
