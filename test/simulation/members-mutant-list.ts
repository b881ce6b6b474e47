/** Deliberate bugs of changing members that take a whole server, its disk, the gateway or the process to show. */

import type { Mutant } from './mutant.js';

export const MEMBERS_MUTANTS: readonly Mutant[] = [
  {
    name: 'count a learner for the lease',
    file: 'raft/leader-lease.js',
    search: 'return reachedInForce(core, role, core.nowMs, answeredSentAtMsOf) + leaseMs;',
    replacement:
      'return Math.max(reachedInForce(core, role, core.nowMs, answeredSentAtMsOf), ...core.configuration.learners.map(({ id }) => role.progress.get(id)?.answeredSentAtMs ?? 0)) + leaseMs;',
  },
  {
    name: 'count a learner for what is committed',
    file: 'raft/commit.js',
    search: 'const index = reachedInForce(core, role, core.persistence.durableIndex, matchIndexOf);',
    replacement:
      'const index = Math.max(reachedInForce(core, role, core.persistence.durableIndex, matchIndexOf), ...core.configuration.learners.map(({ id }) => Math.min(core.log.lastIndex, role.progress.get(id)?.matchIndex ?? 0)));',
  },
  {
    name: 'append C_new without C_old,new before it',
    file: 'raft/joint-consensus.js',
    search: 'appendConfiguration(core, role, { voters, outgoing: configuration.voters, learners: [] });',
    replacement: 'appendConfiguration(core, role, { voters, outgoing: [], learners: [] });',
  },
  {
    name: 'take the next step before the configuration is committed',
    file: 'raft/joint-consensus.js',
    search: 'return commitIndex >= Math.max(log.configurations.latest.index, noOpIndex);',
    replacement: 'return commitIndex >= noOpIndex;',
  },
  {
    name: 'keep a configuration whose entry is removed',
    foundBy: 'raft/members-traps',
    file: 'raft/log.js',
    search: 'this.configurations.truncateFrom(index);',
    replacement: '',
  },
  {
    name: 'send a snapshot without its configuration',
    foundBy: 'wire/peer-messages',
    file: 'wire/peer-messages.js',
    search: 'const bytes = configuration === undefined ? NO_PAYLOAD : encodeConfiguration(configuration);',
    replacement:
      'const bytes = encodeConfiguration({ voters: configuration.voters.slice(0, 1), outgoing: [], learners: [], nextId: configuration.nextId });',
  },
  {
    name: 'write entries to the log without their configurations',
    file: 'storage/log-frame.js',
    search: 'entry.configuration === undefined ? 0 : CONFIGURATION',
    replacement: '0',
  },
  {
    name: 'believe a leader that was deposed who the members are',
    foundBy: 'server/member-changes',
    file: 'server/member-changes.js',
    search: "this.#raft.role === 'leader' && (await this.#leadsNow())",
    replacement: "this.#raft.role === 'leader'",
  },
  {
    name: 'give an identity again',
    file: 'storage/data-directory.js',
    search: 'await this.#rewrite({ nextId: nextId + 1 });',
    replacement: '',
  },
  {
    name: 'give an identity again where each server has a directory to itself',
    file: 'storage/data-directories.js',
    search: 'membership: { ...membership, nextId: id + 1, members },',
    replacement: 'membership: { ...membership, members },',
  },
  {
    name: 'write nothing down while a disk is lost',
    file: 'storage/data-directories.js',
    search: 'if (count < majorityOf(counted.length))',
    replacement: 'if (count < counted.length)',
  },
  {
    name: 'leave servers that are no members as they are',
    file: 'cluster/membership.js',
    search: 'await this.#end(member);',
    replacement: ';',
  },
  {
    name: 'leave the rest of a change to nobody when a process starts',
    foundBy: 'cluster/settling',
    file: 'cluster/membership.js',
    search: 'this.#settling = this.#alone(undefined, () => this.#finishEarlier());',
    replacement: '',
  },
  {
    name: 'count a leader that has no vote for what is committed',
    file: 'raft/leader-quorum.js',
    search: 'if (id === core.id)',
    replacement: 'if (id === (quorum.voters.includes(core.id) ? core.id : quorum.voters[0]))',
  },
];
