/** Deliberate bugs of the program that no test of the consensus core alone could notice, or that clients would suffer from. */

import type { Edit } from '../support/mutant-copy.js';

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Arguments of the run, where a chosen few faults show it sooner. */
  readonly args?: readonly string[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'acknowledge before the disk has it',
    args: ['--faults', 'process,transfer'],
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
        search:
          'this.#replicaReads.take(command);\n            else\n                this.answerer.unexecuted(command, outcome)',
        replacement:
          "this.#replicaReads.take(command); else if (outcome.type === 'redirect' && ['get', 'getm', 'redis-read']" +
          '.includes(command.request.type)) this.answerer.fromState(command); else this.answerer.unexecuted(command, outcome)',
      },
    ],
  },
  {
    name: 'answer reads as a leader that is deposed',
    edits: [
      {
        file: 'raft/leader-lease.js',
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
        search: 'const assignment = this.#assignments.get(frame.assignment);',
        replacement:
          "const isMixedUp = frame.type === 'reply' && Math.random() < 0.001;\n" +
          '        const assignment = this.#assignments.get(isMixedUp ? [...this.#assignments.keys()][0] : frame.assignment);',
      },
    ],
  },
  {
    name: 'count deadlines by the wall clock',
    args: ['--faults', 'clock,transfer'],
    edits: [
      {
        file: 'log-time.js',
        search: 'return this.#environment.nowMs() + this.#offsetMs;',
        replacement: 'return Date.now();',
      },
    ],
  },
  {
    name: 'leave out of the time what the process stood still for',
    args: ['--faults', 'stop,transfer'],
    edits: [
      {
        file: 'log-time.js',
        search: 'return this.#environment.nowMs() + this.#offsetMs;',
        replacement:
          'const nowMs = this.#environment.nowMs();\n' +
          '        const stoodMs = nowMs - (this.askedMs ?? nowMs);\n' +
          '        if (stoodMs > 500) this.leftOutMs = (this.leftOutMs ?? 0) + stoodMs;\n' +
          '        this.askedMs = nowMs;\n' +
          '        return nowMs + this.#offsetMs - (this.leftOutMs ?? 0);',
      },
    ],
  },
  {
    name: 'lose the results of sessions at a failover',
    args: ['--faults', 'kill,transfer'],
    edits: [
      {
        file: 'state-machine/sessions/client-sessions.js',
        search: 'if (term !== this.#term) {',
        replacement:
          'if (term !== this.#term) {\n' +
          '            for (const [id, one] of this.#byId)\n' +
          '                this.#byId.set(id, new ClientSession(one, this.#generation));',
      },
    ],
  },
  {
    name: 'take a command of a session for done before its client says so',
    args: ['--faults', 'kill,transfer'],
    edits: [
      {
        file: 'state-machine/sessions/client-sessions.js',
        search: 'session.forgetTo(done);',
        replacement: 'session.forgetTo(seq - 1);',
      },
    ],
  },
  {
    name: 'end sessions by the local clock',
    args: ['--faults', 'clock'],
    edits: [
      {
        file: 'state-machine/sessions/client-sessions.js',
        search: 'return !this.#isInGrace && this.#clockMs >= lastUsedMs + ttlMs;',
        replacement: 'return Date.now() >= lastUsedMs + ttlMs;',
      },
    ],
  },
  {
    name: 'tell a watcher its last change again at the next leader',
    args: ['--faults', 'kill,transfer'],
    edits: [
      {
        file: 'server/clients/watches/watch.js',
        search: 'revision: this.state === undefined ? this.next : 0',
        replacement: 'revision: this.state === undefined ? Math.max(1, this.next - 1) : 0',
      },
    ],
  },
  {
    name: 'tell a subscriber its last change again at the next leader',
    args: ['--faults', 'kill,transfer'],
    edits: [
      {
        file: 'server/clients/reply-frames.js',
        search: 'const toldTo = subscriber.next;',
        replacement: 'const toldTo = Math.max(1, subscriber.next - 1);',
      },
    ],
  },
  {
    name: 'tell subscribers of a write that is only proposed',
    args: ['--faults', 'kill,transfer'],
    edits: [
      {
        file: 'server/clients/clients.js',
        search: 'if (this.#monitors.isOn)',
        replacement:
          "const ofKey = ['__keyevent@0__:set', command.request.key];\n" +
          '            for (const [text, { receivers }] of this.listeners.subscribers.names.patterns)\n' +
          "                if (command.request.type === 'set')\n" +
          '                    for (const { client } of receivers.keys())\n' +
          "                        this.#replies.push(client, ['*4\\r\\n', ...['pmessage', text, ...ofKey]\n" +
          "                            .map((word) => '$' + word.length + '\\r\\n' + word + '\\r\\n')].join(''));\n" +
          '            if (this.#monitors.isOn)',
      },
    ],
  },
  {
    name: 'forget how far the router’s connections have got at a failover',
    args: ['--faults', 'kill,transfer'],
    edits: [
      {
        file: 'state-machine/router-dedupe/router-dedupe.js',
        search: 'return this.#place + this.#stride <= this.#repeatedTo;',
        replacement: 'return false;',
      },
    ],
  },
  {
    name: 'know no results of what the router repeats',
    args: ['--faults', 'kill,transfer'],
    edits: [
      {
        file: 'state-machine/router-dedupe/router-dedupe.js',
        search: 'this.#outcomes.find(last, this.#place + this.#stride)',
        replacement: 'undefined',
      },
    ],
  },
  {
    name: 'go through all keys in one turn',
    args: ['--faults', 'costly'],
    edits: [
      {
        file: 'server/clients/walks.js',
        search: 'const sliceUnits = WALK_WORK_PER_TURN / Math.max(1, this.#admitted.size);',
        replacement: 'const sliceUnits = Number.POSITIVE_INFINITY;',
      },
    ],
  },
  {
    name: 'go through keys for a tenth of a second in a turn',
    args: ['--faults', 'costly'],
    edits: [
      {
        file: 'server/clients/walks.js',
        search: 'const sliceUnits = WALK_WORK_PER_TURN / Math.max(1, this.#admitted.size);',
        replacement: 'const sliceUnits = 100 * WALK_WORK_PER_TURN;',
      },
    ],
  },
  {
    name: 'stay down once the disk was full',
    args: ['--faults', 'full'],
    edits: [
      {
        file: 'storage/shortage-retries.js',
        search: "return SHORTAGES.has(systemCodeOf(error) ?? '');",
        replacement: 'return false;',
      },
    ],
  },
  {
    name: 'leave servers that are no members as they are',
    args: ['--faults', 'members'],
    edits: [{ file: 'cluster/membership.js', search: 'await this.#end(member);', replacement: ';' }],
  },
  {
    name: 'say that a server is replaced, and leave it a member',
    args: ['--faults', 'replace'],
    edits: [
      {
        file: 'cluster/membership.js',
        search: 'await this.#drive(voters.map((voter) => (voter === id ? server : running.member(voter))));',
        replacement: ';',
      },
    ],
  },
  {
    name: 'write nothing down while a disk is lost',
    args: ['--faults', 'replace', '--apart'],
    edits: [
      {
        file: 'storage/data-directories.js',
        search: 'if (count < majorityOf(counted.length))',
        replacement: 'if (count < counted.length)',
      },
    ],
  },
];
