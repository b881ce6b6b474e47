/**
 * A check of the steps by which a leader changes members (thesis 4.3): any two configurations that follow each other have no two
 * majorities without a common server, and a step is taken only once the configuration before it is committed. A change is taken
 * back only before that, and only by the leader that began it, in the same term.
 *
 * It finds a wrong step even if no two majorities come to decide apart. And no server goes that votes in the last configuration
 * that anybody knows to be committed.
 */

import { hasVoter, isJoint, isSame } from '../configuration.js';
import type { Configuration, LogIndex, ServerId, Term } from '../types.js';
import { PropertyViolation } from './property-violation.js';
import type { ServerView } from './raft-view.js';

/** A leader, with the configuration in force and the latest one that is committed. */
type ChangingLeader = Pick<ServerView, 'id' | 'currentTerm' | 'configuration' | 'committedConfiguration'>;

type CommittedView = Pick<ServerView, 'commitIndex' | 'committedConfiguration'>;

/** C_old,new as a leader has appended it. */
interface Begun {
  readonly term: Term;
  readonly configuration: Configuration;
}

export class ConfigurationSteps {
  readonly #begun = new Map<ServerId, Begun>();
  /** As of the highest commit index that was seen. */
  #committed: { readonly index: LogIndex; readonly configuration: Configuration } | undefined;

  /** What a server knows to be committed. */
  knownAt({ commitIndex, committedConfiguration }: CommittedView): void {
    if (commitIndex > (this.#committed?.index ?? -1))
      this.#committed = { index: commitIndex, configuration: committedConfiguration };
  }

  /** A server ends for good, and what it has on its disk. Throws PropertyViolation if its vote counts. */
  removed(id: ServerId): void {
    const { index, configuration } = this.#committed ?? {};
    if (configuration !== undefined && hasVoter(configuration, id))
      throw broken(id, `is removed, and votes by the configuration of ${index}: ${textOf(configuration)}`);
  }

  /** A leader has appended a configuration after `before`, in one step. Throws PropertyViolation. */
  appended(leader: ChangingLeader, before: Configuration): void {
    const { id, currentTerm: term, configuration } = leader;
    const { voters, outgoing } = configuration;
    if (isJoint(before) && !isJoint(configuration) && isSame(voters, before.outgoing)) {
      this.#checkTakenBack(leader, before);
      return;
    }
    const areVotersSame = isSame(voters, before.voters) && isSame(outgoing, before.outgoing);
    const isEntered = !isJoint(before) && isSame(outgoing, before.voters);
    const isLeft = !isJoint(configuration) && isSame(voters, before.voters);
    if (!areVotersSame && !isEntered && !isLeft)
      throw broken(id, `goes from ${textOf(before)} to ${textOf(configuration)} in one step`);
    if (leader.committedConfiguration !== before)
      throw broken(id, `goes on to ${textOf(configuration)} before ${textOf(before)} is committed`);
    if (isJoint(configuration)) this.#begun.set(id, { term, configuration });
  }

  #checkTakenBack({ id, currentTerm, committedConfiguration }: ChangingLeader, before: Configuration): void {
    const begun = this.#begun.get(id);
    const isOwn = begun?.term === currentTerm && begun.configuration === before;
    if (isOwn && committedConfiguration !== before) return;
    throw broken(
      id,
      `takes ${textOf(before)} back, which ${isOwn ? 'is committed' : 'another leader began'}`,
    );
  }
}

function textOf({ voters, outgoing }: Configuration): string {
  const [now, old] = [voters, outgoing].map((members) => members.map(({ id }) => id).join(' '));
  return old === '' ? `{${now}}` : `{${old}},{${now}}`;
}

function broken(id: ServerId, what: string): PropertyViolation {
  return new PropertyViolation('configuration steps', `server ${id} ${what}`);
}
