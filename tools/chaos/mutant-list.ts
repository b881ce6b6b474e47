/** Deliberate bugs of the program that no test of the consensus core alone could notice, or that clients would suffer from. */

import type { Edit } from '../support/mutant-copy.js';

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'acknowledge before the disk has it',
    edits: [
      {
        file: 'storage/segment-log.js',
        search: 'await segment.file.write(frame, segment.end);',
        replacement:
          'const [late, end] = [Buffer.from(frame), segment.end];\n' +
          '        const writeLate = () => segment.file.write(late, end).catch(() => undefined);\n' +
          '        setTimeout(() => (this.late = (this.late ?? Promise.resolve()).then(writeLate)), 300);',
      },
    ],
  },
  {
    name: 'answer reads as a follower',
    edits: [
      {
        file: 'server/clients/clients.js',
        search: '(command) => this.answerer.unexecuted(command, outcome)',
        replacement:
          "(command) => outcome.type === 'redirect' && ['get', 'getm', 'redis-read'].includes(command.request.type)" +
          ' ? this.answerer.fromState(command) : this.answerer.unexecuted(command, outcome)',
      },
    ],
  },
  {
    name: 'answer reads as a leader that is deposed',
    edits: [
      {
        file: 'raft/lease.js',
        search: 'return reachedInForce(core, role, core.nowMs, answeredSentAtMsOf) + leaseMs;',
        replacement: 'return Number.POSITIVE_INFINITY;',
      },
      {
        file: 'raft/check-quorum.js',
        search: 'if (silentMs >= core.options.electionTimeoutMs)',
        replacement: 'if (silentMs < 0)',
      },
    ],
  },
  {
    name: 'forget the term and the vote at a restart',
    edits: [
      {
        file: 'storage/log-recovery.js',
        search: 'this.hardState = frame.hardState;',
        replacement: '',
      },
    ],
  },
  {
    name: 'reply to another connection, once in a thousand times',
    edits: [
      {
        file: 'gateway/server-traffic.js',
        search: 'const session = this.#sessions.get(frame.session);',
        replacement:
          "const isMixedUp = frame.type === 'reply' && Math.random() < 0.001;\n" +
          '        const session = this.#sessions.get(isMixedUp ? [...this.#sessions.keys()][0] : frame.session);',
      },
    ],
  },
];
