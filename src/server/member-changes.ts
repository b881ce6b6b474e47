/**
 * The change of members that somebody waits for: begun by a call, and answered by an output of the consensus core. And who the
 * members are.
 */

import type { Environment } from '../environment.js';
import type { Raft } from '../raft/raft.js';
import { MembersError } from '../raft/start-change.js';
import type { ChangeOutcome, ConfirmedRead, Member } from '../raft/types.js';
import type { MembersAnswer, MembersView } from '../wire/control.js';

type MembersCore = Pick<
  Raft,
  | 'changeMembers'
  | 'read'
  | 'role'
  | 'lastLog'
  | 'configuration'
  | 'configurationAt'
  | 'commitIndex'
  | 'changeStatus'
>;

export class MemberChanges {
  readonly #raft: MembersCore;
  readonly #environment: Pick<Environment, 'nowMs'>;
  readonly #onBegun: () => void;
  #waiting: ((answer: MembersAnswer) => void) | undefined;
  /** Who asked a leader for the members, by the number of the read that is to show that it leads: clients' are above 0. */
  readonly #asking = new Map<number, (isLeading: boolean) => void>();
  #lastRead = 0;

  /** @param onBegun called when the core has to be asked what to do */
  constructor(raft: MembersCore, environment: Pick<Environment, 'nowMs'>, onBegun: () => void) {
    this.#raft = raft;
    this.#environment = environment;
    this.#onBegun = onBegun;
  }

  /** Begins to change the voters to these. Resolves to what becomes of it, which takes as long as new servers need. */
  begin(voters: readonly Member[]): Promise<MembersAnswer> {
    try {
      this.#raft.changeMembers(voters, this.#environment.nowMs());
    } catch (error) {
      if (!(error instanceof MembersError)) throw error;
      return Promise.resolve({ outcome: 'refused', refusal: error.refusal, reason: error.message });
    }
    this.#onBegun();
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** The core has told what became of it. */
  settle(outcome: ChangeOutcome): void {
    this.#waiting?.(outcome);
    this.#waiting = undefined;
  }

  /**
   * Resolves to what this server knows of the members; as the leader's word only if a majority has confirmed since that it leads,
   * for servers are removed by it. That may take until it steps down.
   */
  async view(): Promise<MembersView> {
    const isLeading = this.#raft.role === 'leader' && (await this.#leadsNow());
    const { lastLog, configuration, commitIndex, changeStatus } = this.#raft;
    const isDecided = this.#raft.configurationAt(commitIndex) === configuration;
    return { isLeading, lastLog, configuration, isDecided, change: changeStatus ?? null };
  }

  #leadsNow(): Promise<boolean> {
    this.#lastRead -= 1;
    const readId = this.#lastRead;
    this.#raft.read(readId, this.#environment.nowMs());
    this.#onBegun();
    return new Promise((resolve) => {
      this.#asking.set(readId, resolve);
    });
  }

  /** Takes the reads that are not of clients: what is left are those of clients. */
  takeReads({ confirmedReads, failedReads }: Reads): Reads {
    if (this.#asking.size === 0) return { confirmedReads, failedReads };
    for (const { readId } of confirmedReads) this.#answer(readId, true);
    for (const readId of failedReads) this.#answer(readId, false);
    return {
      confirmedReads: confirmedReads.filter(({ readId }) => readId > 0),
      failedReads: failedReads.filter((readId) => readId > 0),
    };
  }

  #answer(readId: number, isLeading: boolean): void {
    this.#asking.get(readId)?.(isLeading);
    this.#asking.delete(readId);
  }
}

/** What an output of the core says of reads. */
export interface Reads {
  readonly confirmedReads: readonly ConfirmedRead[];
  readonly failedReads: readonly number[];
}
