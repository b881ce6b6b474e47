/** Deliberate bugs of changing members: what the built code says, and what it says instead. */

import type { Edit } from '../../tools/support/mutant-copy.js';

export interface MembersMutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

/** Runs of members-run.ts find these. */
export const MEMBERS_MUTANTS: readonly MembersMutant[] = [
  {
    name: 'take the next step before the configuration and an entry of the term are committed',
    edits: [
      {
        file: 'raft/joint-consensus.js',
        search: 'return commitIndex >= Math.max(log.configurations.latest.index, noOpIndex);',
        replacement: 'return commitIndex >= 0;',
      },
    ],
  },
  {
    name: 'keep a configuration whose entry is removed',
    edits: [{ file: 'raft/log.js', search: 'this.configurations.truncateFrom(index);', replacement: '' }],
  },
  {
    name: 'remove one configuration where two entries go',
    edits: [
      {
        file: 'raft/log-configurations.js',
        search: 'this.#keep(this.#placed.filter((placed) => placed.index < index));',
        replacement: 'this.#keep(this.#placed.slice(0, -1));',
      },
    ],
  },
  {
    name: 'restart with the configuration of the snapshot, whatever the log has',
    edits: [
      {
        file: 'raft/log.js',
        search: 'for (const entry of entries)\n            this.append(entry);',
        replacement:
          'for (const entry of entries)\n            this.append({ ...entry, configuration: undefined });',
      },
    ],
  },
  {
    name: 'take a snapshot with a configuration that is newer',
    edits: [
      {
        file: 'raft/log-configurations.js',
        search: 'return this.#placedAt(index).configuration;',
        replacement: 'return this.#latest.configuration;',
      },
    ],
  },
  {
    name: 'keep configurations of entries that a snapshot has replaced',
    edits: [
      {
        file: 'raft/log.js',
        search: 'this.configurations.resetTo(start.index, configuration);',
        replacement: 'this.configurations.compactTo(start.index);',
      },
    ],
  },
  {
    name: 'commit by the new voters alone',
    edits: [
      {
        file: 'raft/quorum.js',
        search: 'return outgoing.length === 0 ? reached :',
        replacement: 'return reached !== undefined ? reached :',
      },
    ],
  },
  {
    name: 'elect by the new voters alone',
    edits: [
      {
        file: 'raft/quorum.js',
        search: "if (outgoing.length === 0 || result === 'lost')",
        replacement: "if (outgoing.length === 0 || result !== 'pending')",
      },
    ],
  },
  {
    name: 'count a leader that has no vote as one of those who have',
    edits: [
      {
        file: 'raft/leader-quorum.js',
        search: 'if (id === core.id)',
        replacement: 'if (id === (quorum.voters.includes(core.id) ? core.id : quorum.voters[0]))',
      },
    ],
  },
  {
    name: 'leave a change that an earlier leader began as it is',
    edits: [
      {
        file: 'raft/joint-consensus.js',
        search: 'if (isJoint(configuration)) {',
        replacement: "if (isJoint(configuration) && role.change.state !== 'none') {",
      },
    ],
  },
  {
    name: 'append C_new without C_old,new before it',
    edits: [
      {
        file: 'raft/joint-consensus.js',
        search: 'appendConfiguration(core, role, { voters, outgoing: configuration.voters, learners: [] });',
        replacement: 'appendConfiguration(core, role, { voters, outgoing: [], learners: [] });',
      },
    ],
  },
];

/** The tests of members and of their traps find these, which random runs find rarely or never. */
export const SCENARIO_MUTANTS: readonly MembersMutant[] = [
  {
    name: 'take a change back in a later term',
    edits: [
      {
        file: 'raft/take-back-change.js',
        search: 'const isOwn = index >= role.noOpIndex;',
        replacement: 'const isOwn = true;',
      },
      {
        file: 'raft/take-back-change.js',
        search: "change.state !== 'deciding' ||",
        replacement: '',
      },
    ],
  },
  {
    name: 'never take a change back in time',
    edits: [
      {
        file: 'raft/take-back-change.js',
        search: 'const isSilent = silentMs >= electionTimeoutMs - heartbeatMs;',
        replacement: 'const isSilent = silentMs < 0;',
      },
    ],
  },
  {
    name: 'campaign as a learner',
    edits: [
      {
        file: 'raft/core.js',
        search: 'return placed.some(({ configuration }) => hasVoter(configuration, this.id));',
        replacement: 'return placed.length > 0;',
      },
    ],
  },
  {
    name: 'campaign only as a voter of the latest configuration',
    edits: [
      {
        file: 'raft/core.js',
        search: 'return placed.some(({ configuration }) => hasVoter(configuration, this.id));',
        replacement: 'return this.hasVote && placed.length > 0;',
      },
    ],
  },
  {
    name: 'take over as a learner that is asked to',
    edits: [
      {
        file: 'raft/leadership-transfer.js',
        search: 'if (!core.hasVote || core.isDiskStalled)',
        replacement: 'if (core.isDiskStalled)',
      },
    ],
  },
  {
    name: 'count a learner’s vote',
    edits: ['election', 'pre-vote'].map((name) => ({
      file: `raft/${name}.js`,
      search: 'switch (countVotes(core.quorum, role.votes)) {',
      replacement:
        "switch ([...role.votes.values()].filter((granted) => granted).length > core.quorum.voters.length / 2 ? 'won' : countVotes(core.quorum, role.votes)) {",
    })),
  },
  {
    name: 'hand over to a learner that was named',
    edits: [
      {
        file: 'raft/leadership-transfer.js',
        search: 'if (!hasVoter(core.configuration, target))\n        throw',
        replacement: 'if (target === undefined)\n        throw',
      },
      {
        file: 'raft/leadership-transfer.js',
        search: 'if (!hasVoter(core.configuration, target)) {',
        replacement: 'if (target === undefined) {',
      },
    ],
  },
  {
    name: 'take a learner for a successor',
    edits: [
      {
        file: 'raft/leadership-transfer.js',
        search: 'matchIndex >= log.lastIndex && hasVoter(configuration, id)',
        replacement: 'matchIndex >= log.lastIndex && id !== configuration',
      },
    ],
  },
  {
    name: 'lead on when removed',
    edits: [{ file: 'raft/joint-consensus.js', search: 'startLeaving(core, role);', replacement: ';' }],
  },
  {
    name: 'tell removed servers nothing',
    edits: [
      {
        file: 'raft/joint-consensus.js',
        search: 'role.forgetRemovedAtMs = core.nowMs + core.options.electionTimeoutMs;',
        replacement: 'role.forgetRemovedAtMs = core.nowMs;',
      },
    ],
  },
  {
    name: 'go on to hand over to a server that was removed',
    edits: [
      {
        file: 'raft/leadership-transfer.js',
        search: 'if (!hasVoter(core.configuration, target)) {',
        replacement: 'if (target === undefined) {',
      },
    ],
  },
  {
    name: 'take in a server whose identity was used',
    edits: [{ file: 'raft/start-change.js', search: 'id < configuration.nextId', replacement: 'id < 0' }],
  },
  {
    name: 'lead at once as a voter that is alone now',
    edits: [
      {
        file: 'raft/core.js',
        search: 'if (mayDisturbLeader && this.#hardState.votedFor !== this.id)',
        replacement: 'if (mayDisturbLeader === undefined)',
      },
    ],
  },
  {
    name: 'rely on a lease as a leader that has no vote',
    edits: [
      {
        file: 'raft/leader-lease.js',
        search: 'if (!core.hasVote)',
        replacement: 'if (core.hasVote === undefined)',
      },
    ],
  },
  {
    name: 'begin a change before an entry of the term is committed',
    edits: [
      {
        file: 'raft/joint-consensus.js',
        search: 'return commitIndex >= Math.max(log.configurations.latest.index, noOpIndex);',
        replacement: 'return commitIndex >= log.configurations.latest.index;',
      },
    ],
  },
  {
    name: 'keep a configuration that is newer than a snapshot which replaces the log',
    edits: [
      {
        file: 'raft/log.js',
        search: 'this.configurations.resetTo(start.index, configuration);',
        replacement: 'this.configurations.compactTo(start.index);',
      },
    ],
  },
];
