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
    file: 'raft/log.js',
    search: 'this.configurations.truncateFrom(index);',
    replacement: '',
  },
  {
    name: 'keep the own configuration when a snapshot takes the place of the log',
    file: 'raft/log.js',
    search: 'this.configurations.resetTo(start.index, configuration);',
    replacement: 'this.configurations.resetTo(start.index, this.configurations.latest.configuration);',
  },
  {
    name: 'send a snapshot without its configuration',
    file: 'wire/peer-messages.js',
    search: 'const bytes = configuration === undefined ? NO_PAYLOAD : encodeConfiguration(configuration);',
    replacement:
      'const bytes = encodeConfiguration({ voters: configuration.voters.slice(0, 1), outgoing: [], learners: [], nextId: configuration.nextId });',
  },
  {
    name: 'find no configuration with a snapshot on the disk',
    file: 'storage/server-manifest.js',
    search: "if (!fields.has('configuration'))",
    replacement: 'if (fields !== undefined)',
  },
  {
    name: 'write entries to the log without their configurations',
    file: 'storage/log-frame.js',
    search: 'entry.configuration === undefined ? 0 : CONFIGURATION',
    replacement: '0',
  },
  {
    name: 'have a snapshot hold the configuration in force',
    file: 'server/snapshots.js',
    search: 'const configuration = this.#raft.configurationAt(position.index);',
    replacement: 'const { configuration } = this.#raft;',
  },
  {
    name: 'keep the port of a removed server open',
    file: 'gateway/gateway.js',
    search: 'this.detach(slot);\n        this.#serverListeners.delete(slot);',
    replacement: 'this.#serverListeners.delete(slot);',
  },
  {
    name: 'give an identity again',
    file: 'storage/data-directory.js',
    search: 'await this.#rewrite({ nextId: nextId + 1 });',
    replacement: '',
  },
  {
    name: 'forget a new server when the process ends',
    file: 'storage/data-directory.js',
    search: 'await this.#rewrite({ members: [...members, member].sort((a, b) => a.slot - b.slot) });',
    replacement:
      'const { membership } = this.#description; this.#description = { ...this.#description, membership: { ...membership, members: [...members, member].sort((a, b) => a.slot - b.slot) } };',
  },
  {
    name: 'end servers before the configuration without them is committed',
    file: 'cluster/membership.js',
    search: 'const isOver = isDecided && change === null && !isJoint(configuration);',
    replacement: 'const isOver = true;',
  },
  {
    name: 'leave servers that are no members as they are',
    file: 'cluster/membership.js',
    search: 'await this.#end(member);',
    replacement: ';',
  },
  {
    name: 'leave the rest of a change to nobody when a process starts',
    file: 'cluster/membership.js',
    search: 'this.#settling = this.#alone(undefined, () => this.#finishEarlier());',
    replacement: '',
  },
  {
    name: 'take a change back in a later term',
    file: 'raft/taking-back.js',
    search:
      "if (change.state !== 'deciding' || !isJoint(configuration) || !isOwn || core.commitIndex >= index)",
    replacement: 'if (!isJoint(configuration) || core.commitIndex >= index)',
  },
  {
    name: 'rely on a lease as a leader that has no vote',
    file: 'raft/leader-lease.js',
    search: 'if (!core.hasVote)',
    replacement: 'if (core.hasVote === undefined)',
  },
  {
    name: 'count a leader that has no vote for what is committed',
    file: 'raft/leader-quorum.js',
    search: 'if (id === core.id)',
    replacement: 'if (id === (quorum.voters.includes(core.id) ? core.id : quorum.voters[0]))',
  },
  {
    name: 'leave a change that an earlier leader began as it is',
    file: 'raft/joint-consensus.js',
    search: 'if (isJoint(configuration)) {',
    replacement: "if (isJoint(configuration) && role.change.state !== 'none') {",
  },
];
