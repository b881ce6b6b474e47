/** Deliberate bugs of changing members, which runs of members-run.ts must find: what the built code says, and what instead. */

import type { Edit } from '../../tools/support/mutant-copy.js';

export interface MembersMutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

export const MEMBERS_MUTANTS: readonly MembersMutant[] = [
  {
    name: 'take the next step before the configuration and an entry of the term are committed',
    edits: [
      {
        file: 'raft/members.js',
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
        file: 'raft/configurations.js',
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
        file: 'raft/configurations.js',
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
        file: 'raft/members.js',
        search: 'if (isJoint(configuration)) {',
        replacement: "if (isJoint(configuration) && role.change.state !== 'none') {",
      },
    ],
  },
  {
    name: 'append C_new without C_old,new before it',
    edits: [
      {
        file: 'raft/members.js',
        search: 'appendConfiguration(core, role, { voters, outgoing: configuration.voters, learners: [] });',
        replacement: 'appendConfiguration(core, role, { voters, outgoing: [], learners: [] });',
      },
    ],
  },
];
