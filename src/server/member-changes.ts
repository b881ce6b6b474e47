/** The change of members that somebody waits for: begun by a call, and answered by an output of the consensus core. */

import type { Environment } from '../environment.js';
import type { Raft } from '../raft/raft.js';
import { MembersError } from '../raft/start-change.js';
import type { ChangeOutcome, Member } from '../raft/types.js';
import type { MembersAnswer, MembersView } from '../wire/control.js';

export class MemberChanges {
  readonly #raft: Raft;
  readonly #environment: Pick<Environment, 'nowMs'>;
  readonly #onBegun: () => void;
  #waiting: ((answer: MembersAnswer) => void) | undefined;

  /** @param onBegun called when one is begun, for which the core has to be asked what to do */
  constructor(raft: Raft, environment: Pick<Environment, 'nowMs'>, onBegun: () => void) {
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

  get view(): MembersView {
    const { role, lastLog, configuration, commitIndex, changeStatus } = this.#raft;
    const isDecided = this.#raft.configurationAt(commitIndex) === configuration;
    return { isLeading: role === 'leader', lastLog, configuration, isDecided, change: changeStatus ?? null };
  }
}
