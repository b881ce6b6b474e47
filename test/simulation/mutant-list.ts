/**
 * Deliberate bugs of the consensus core, the server, the gateway and the storage: what the built code says, and what it says
 * instead.
 */

import { CLIENT_MUTANTS } from './client-mutant-list.js';
import { DEDUPE_MUTANTS } from './dedupe-mutant-list.js';
import { MEMBERS_MUTANTS } from './members-mutant-list.js';
import type { Mutant } from './mutant.js';
import { STORAGE_MUTANTS } from './storage/mutant-list.js';
import { WATCH_MUTANTS } from './watch-mutant-list.js';

/** What the simulator needs of the built program. */
export const SIMULATOR = ['src', 'test/simulation', 'test/support', 'tools/linearizability', 'tools/support'];

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'vote twice in a term',
    file: 'raft/election.js',
    search: 'if (votedFor === undefined || votedFor === message.from)',
    replacement: 'if (message !== undefined)',
  },
  {
    name: 'vote for a log that is behind',
    file: 'raft/log.js',
    search:
      'return other.term > this.lastTerm || (other.term === this.lastTerm && other.index >= this.lastIndex);',
    replacement: 'return true;',
  },
  {
    name: 'send a vote before it is on disk',
    file: 'raft/election.js',
    search: "core.sendWhenDurable({\n        type: 'RequestVoteResponse'",
    replacement: "core.send({\n        type: 'RequestVoteResponse'",
  },
  {
    name: 'do not persist a vote in a term that is known',
    file: 'raft/persist-before-send.js',
    search: 'return a.currentTerm === b.currentTerm && a.votedFor === b.votedFor;',
    replacement: 'return a.currentTerm === b.currentTerm;',
  },
  {
    name: 'ask for votes with a log that is not on disk',
    file: 'raft/election.js',
    search: 'if (isLogDurable)',
    replacement: 'if (core !== undefined)',
  },
  {
    name: 'lead before the own vote is on disk',
    file: 'raft/election.js',
    search: 'if (!role.votes.has(core.id))\n                return;',
    replacement: '',
  },
  {
    name: 'commit an entry of an earlier term by counting',
    file: 'raft/commit.js',
    search: 'if (index <= core.commitIndex || core.log.termAt(index) !== core.currentTerm)',
    replacement: 'if (index <= core.commitIndex)',
  },
  {
    name: 'count the own entries before they are on disk',
    file: 'raft/commit.js',
    search: 'reachedInForce(core, role, core.persistence.durableIndex, matchIndexOf)',
    replacement: 'reachedInForce(core, role, core.log.lastIndex, matchIndexOf)',
  },
  {
    name: 'acknowledge entries before they are on disk',
    file: 'raft/log-matching.js',
    search: 'core.sendWhenDurable(responseOf(core, leader, echo, result));',
    replacement: 'core.send(responseOf(core, leader, echo, result));',
  },
  {
    name: 'take half of an even number for a majority',
    file: 'raft/quorum.js',
    search: 'return Math.floor(count / 2) + 1;',
    replacement: 'return Math.ceil(count / 2);',
  },
  {
    name: 'skip the consistency check',
    file: 'raft/log-matching.js',
    search: 'if (!isCovered && !log.has({ index: prevLogIndex, term: prevLogTerm })) {',
    replacement: 'if (!isCovered && prevLogIndex > log.lastIndex) {',
  },
  {
    name: 'truncate on a heartbeat',
    file: 'raft/log-matching.js',
    search: 'appendMissing(core, message);',
    replacement:
      'const cut = Math.max(prevLogIndex + message.entries.length, core.commitIndex, log.start.index) + 1; if (cut <= log.lastIndex) { log.truncateFrom(cut); core.persistence.truncated(cut); } appendMissing(core, message);',
  },
  {
    name: 'forget that truncated entries are no longer on disk',
    file: 'raft/log-matching.js',
    search: 'persistence.truncated(entry.index);',
    replacement: '',
  },
  {
    name: 'commit entries that the leader did not vouch for',
    file: 'raft/log-matching.js',
    search: 'Math.min(message.leaderCommit, Math.max(agreedIndex, core.commitIndex))',
    replacement: 'Math.min(message.leaderCommit, log.lastIndex)',
  },
  {
    name: 'apply an entry twice',
    file: 'raft/raft.js',
    search: 'core.handedIndex = core.commitIndex;',
    replacement: 'core.handedIndex = Math.max(core.handedIndex, core.commitIndex - 1);',
  },
  {
    name: 'follow a leader of the term before',
    file: 'raft/receive.js',
    search: 'if (message.term >= core.currentTerm ||',
    replacement: 'if (message.term >= core.currentTerm - 1 ||',
  },
  {
    name: 'read by the lease after leadership was offered',
    file: 'raft/leader-lease.js',
    search: 'if (leaseMs === 0 || role.transfer.successor !== undefined)',
    replacement: 'if (leaseMs === 0)',
  },
  {
    name: 'start the lease when the answer comes',
    file: 'raft/progress.js',
    search: 'Math.max(this.answeredSentAtMs, echo.sentAtMs)',
    replacement: 'Math.max(this.answeredSentAtMs, nowMs)',
  },
  {
    name: 'vote right after a restart',
    foundBy: 'raft/lease',
    file: 'raft/core.js',
    search: 'untilMs: mayHaveVoteLease ? nowMs + options.electionTimeoutMs : nowMs',
    replacement: 'untilMs: nowMs',
  },
  {
    name: 'vote against a live leader',
    file: 'raft/vote-lease.js',
    search: 'untilMs: core.nowMs + core.options.electionTimeoutMs',
    replacement: 'untilMs: core.nowMs',
  },
  {
    name: 'take any closed link for the leader’s',
    file: 'raft/raft.js',
    search: 'if (core.voteLease.leader !== peer)\n            return;',
    replacement: '',
  },
  {
    name: 'read before an entry of the own term is committed',
    file: 'raft/read-index.js',
    search:
      'if (!isNoOpCommitted(core, role)) {\n        role.reads.addEarly(reader);\n        return;\n    }',
    replacement: '',
  },
  {
    name: 'have a read of a new leader wait for what came after it',
    file: 'raft/read-index.js',
    search: 'confirmAt(core, role, reader, role.noOpIndex);',
    replacement: 'confirmAt(core, role, reader, core.commitIndex);',
  },
  {
    name: 'confirm a read by a round from before it came',
    file: 'raft/read-index.js',
    search: 'round: role.round + 1',
    replacement: 'round: role.round',
  },
  {
    name: 'keep a log that contradicts the snapshot',
    foundBy: 'raft/install-snapshot',
    file: 'raft/install-snapshot.js',
    search: 'const keepsLog = core.log.has(snapshot);',
    replacement: 'const keepsLog = core.log.lastIndex >= snapshot.index;',
  },
  {
    name: 'install a snapshot that is older than the state',
    foundBy: 'raft/install-snapshot',
    file: 'raft/install-snapshot.js',
    search: 'if (snapshot.index <= core.commitIndex) {',
    replacement: 'if (snapshot.index < 0) {',
  },
  {
    name: 'compact past what is applied',
    file: 'raft/raft.js',
    search: 'log.compactTo(Math.min(logStart, snapshot.index));',
    replacement: 'log.compactTo(this.#core.log.lastIndex);',
  },
  {
    name: 'take the chunks of a snapshot in any order',
    file: 'raft/install-snapshot.js',
    search: 'if (offset !== incoming.receivedBytes || data.byteLength === 0) {',
    replacement: 'if (data.byteLength === 0) {',
  },
  {
    name: 'read from a state machine that lags',
    file: 'server/clients/reads.js',
    search: 'nowMs < raft.leaseEndMs && this.#state.position.index >= raft.commitIndex;',
    replacement: 'nowMs < raft.leaseEndMs;',
  },
  {
    name: 'read the clock before the batch',
    foundBy: 'server/clients/reads',
    file: 'server/clients/clients.js',
    search: 'receive(batch, nowMs) {\n        this.#prepare(nowMs);',
    replacement: 'receive(batch, nowMs) {\n        this.#prepare(this.#nowMs);',
  },
  {
    name: 'read by a lease that outlives its leader',
    file: 'server/clients/reads.js',
    search: 'this.#holdsAll = this.#holdsAllAt(nowMs);',
    replacement: 'this.#holdsAll ||= this.#holdsAllAt(nowMs);',
  },
  {
    name: 'answer a read at a follower without asking the leader',
    file: 'server/clients/replica-reads.js',
    search: 'this.#wait(command);',
    replacement: 'this.#answerer.fromState(command);',
  },
  {
    name: 'confirm a read at a follower by a request from before it',
    file: 'raft/follower-read-queue.js',
    search: 'const end = this.#waiting.findIndex((read) => read.request > request);',
    replacement: 'const end = -1;',
  },
  {
    name: 'have a read join those that the leader was asked about before',
    file: 'server/clients/replica-reads.js',
    search: 'group === groups.last && request === this.#open.request',
    replacement: 'group === groups.last',
  },
  {
    name: 'answer a follower without lease or majority',
    file: 'raft/read-index.js',
    search: 'if (core.nowMs < leaseEndMs(core, role))',
    replacement: "if (reader.type === 'follower' || core.nowMs < leaseEndMs(core, role))",
  },
  {
    name: 'answer a read before the state is as far as it was confirmed for',
    file: 'server/applying.js',
    search: 'if (isFresh && confirmedIndex <= this.#state.position.index) {',
    replacement: 'if (isFresh) {',
  },
  {
    name: 'send a reply to the next client',
    file: 'server/clients/reply-frames.js',
    search: 'if (this.#frame?.client === client)',
    replacement: 'if (this.#frame !== undefined)',
  },
  {
    name: 'answer a group before its entry',
    file: 'server/applying.js',
    search: "if (first?.gate.kind !== 'entry' || first.gate.index !== entry.index) {",
    replacement: "if (first?.gate.kind !== 'entry') {",
  },
  {
    name: 'apply an entry before the reads that come before it',
    foundBy: 'server/applying',
    file: 'server/applying.js',
    search: 'waitingIndex !== undefined && entry.index >= waitingIndex',
    replacement: 'false',
  },
  {
    name: 'apply once more what an installed snapshot has in it',
    foundBy: 'server/applying',
    file: 'server/applying.js',
    search: 'this.#committed = this.#committed.filter(({ index }) => index > snapshot.index);',
    replacement: '',
  },
  {
    name: 'forget the commands that wait when leadership is lost',
    file: 'server/clients/clients.js',
    search: 'for (const command of [...unproposed, ...this.#pause.takeAll(), ...this.#turns.takeAll()])',
    replacement: 'for (const command of [...this.#pause.takeAll(), ...this.#turns.takeAll()])',
  },
  {
    name: 'tell the router of a checkpoint that lags by a command',
    file: 'server/clients/client-connection.js',
    search: 'at: this.parser.checkpoint(),',
    replacement: 'at: this.reportedAt,',
  },
  {
    name: 'check no watched key at the next leader',
    file: 'protocol/resp/redis-stream.js',
    search: 'this.#watched.areLost = at.hasWatched;',
    replacement: 'this.#watched.areLost = false;',
  },
  {
    name: 'say of a write that a dead leader may have done that it is not done',
    file: 'gateway/routed-connection.js',
    search: 'onLost() {\n        this.#assignmentEnded(this.#forwarded);',
    replacement: 'onLost() {\n        this.#assignmentEnded(0);',
  },
  {
    name: 'send without room in the queue',
    file: 'channel/send-queue.js',
    search:
      'if (!this.#outlet.hasRoom()) {\n            this.#outlet.starved();\n            return false;\n        }',
    replacement: '',
  },
  {
    name: 'set log time to the wall clock',
    file: 'log-time.js',
    search: 'Math.max(-mostMs, Math.min(errorMs, mostMs))',
    replacement: 'errorMs',
  },
  {
    name: 'show a key past its deadline to a read that has waited',
    file: 'server/clients/answering.js',
    search: 'this.#state.value(request.key, command.asOfMs)',
    replacement: 'this.#state.value(request.key, 0)',
  },
  {
    name: 'lead on with a disk that hangs',
    file: 'raft/raft.js',
    search: 'if (core.isDiskStalled)\n            handOver(core, role);',
    replacement: '',
  },
  {
    name: 'propose more with a disk that hangs',
    file: 'raft/raft.js',
    search: "if (this.#core.isDiskStalled)\n            return 'own disk stalled';",
    replacement: '',
  },
  {
    name: 'let what only others have on disk count no more',
    foundBy: 'raft/stalled-disk',
    file: 'raft/commit.js',
    search: 'Math.min(core.commitIndex, core.persistence.durableIndex)',
    replacement: 'core.commitIndex',
  },
  {
    name: 'tell a value as it is after a long reply',
    foundBy: 'server/clients/long-commands',
    file: 'server/clients/long-replies.js',
    search: "reply.later.push(typeof later === 'object' && 'reply' in later ? kept(later) : later);",
    replacement: 'reply.later.push(later);',
  },
  {
    name: 'count the work of commands that were answered',
    foundBy: 'server/clients/long-commands',
    file: 'server/clients/work-turns.js',
    search: 'this.#admittedUnits -= units;',
    replacement: '',
  },
  {
    name: 'let little commands past one that waits since it is much work',
    foundBy: 'server/clients/long-commands',
    file: 'server/clients/work-turns.js',
    search: 'if (this.count === 0 && this.#hasRoomFor(command))',
    replacement: 'if (queue.length === 0 && this.#hasRoomFor(command))',
  },
  {
    name: 'apply an entry in one turn',
    file: 'state-machine/entry-application.js',
    search: 'if (this.#isPaused || work.isSpent)',
    replacement: 'if (this.#isPaused)',
  },
  {
    name: 'let entries go from memory that are not on the disk',
    file: 'raft/core.js',
    search: 'Math.min(this.handedIndex, this.persistence.durableIndex)',
    replacement: 'this.handedIndex',
  },
  {
    name: 'send entries that were read for another place in the log',
    file: 'raft/log-reads.js',
    search: 'first?.index !== state.nextIndex ||',
    replacement: 'first === undefined ||',
  },
  {
    name: 'read entries that others have replaced',
    file: 'storage/segment-log.js',
    search: 'while ((entries.at(-1)?.index ?? 0) >= entry.index)\n                    entries.pop();',
    replacement: '',
  },
  {
    name: 'keep the places of entries that were replaced',
    file: 'storage/log-places.js',
    search: 'while (last !== undefined && last.index >= index) {',
    replacement: 'while (last === null) {',
  },
  {
    name: 'wait with a hung disk for a follower that needs it',
    file: 'raft/stalled-disk.js',
    search: 'waitsForRead(core, one) ? lastIndex : one.matchIndex',
    replacement: 'one.matchIndex',
  },
  {
    name: 'wait with a hung disk for a follower that needs its snapshot',
    foundBy: 'raft/stalled-disk',
    file: 'raft/stalled-disk.js',
    search: 'state.read !== undefined && state.sentBytes === state.receivedBytes',
    replacement: 'false',
  },
  {
    name: 'send a chunk of a snapshot that was read for another place',
    foundBy: 'raft/install-snapshot',
    file: 'raft/install-snapshot.js',
    search: 'if (offset !== state.sentBytes)\n        return;',
    replacement: '',
  },
  {
    name: 'execute what comes before the password',
    file: 'protocol/resp/access.js',
    search: "if (state.access === 'locked' && !isForLocked(name))",
    replacement: "if (name === '')",
  },
  {
    name: 'execute commands of the text protocol before the password',
    file: 'protocol/text/guarded-text.js',
    search: "if (!this.isLocked || request?.type === 'auth')",
    replacement: 'if (request !== undefined)',
  },
  {
    name: 'take any password for the right one',
    file: 'gateway/doorkeeper.js',
    search: 'if (isRight && user === USER)',
    replacement: 'if (user === USER)',
  },
  {
    name: 'forget at a failover that the password was told',
    file: 'protocol/checkpoint-bytes.js',
    search: "access = ACCESS[reader.u8()] ?? 'locked';",
    replacement: "access = ACCESS[reader.u8()] === 'free' ? 'free' : 'locked';",
  },
  {
    name: 'let a client in at a failover that has told no password',
    file: 'protocol/checkpoint-bytes.js',
    search: "access = ACCESS[reader.u8()] ?? 'locked';",
    replacement: "access = ACCESS[reader.u8()] === 'free' ? 'free' : 'unlocked';",
  },
  {
    name: 'let a client in whose writes have an unknown outcome',
    file: 'gateway/replay-plan.js',
    search: 'return { place: at.place, at: AT_COMMAND_START };',
    replacement: 'return AT_COMMAND_START;',
    foundBy: 'gateway/replay-plan',
  },
  {
    name: 'take no password again after RESET',
    file: 'protocol/resp/redis-stream.js',
    search: "const access = this.#settings.access === 'free' ? 'free' : 'locked';",
    replacement: 'const { access } = this.#settings;',
  },
  ofStorage('write to a segment before it is written down that there is one'),
  ofStorage('accept a torn frame without a look at its checksum'),
  ofStorage('report a hard state that is not written yet'),
  ofStorage('have a snapshot count before it is whole'),
  {
    name: 'start a server on an empty disk where it may have voted',
    file: 'storage/data-directories.js',
    search: 'async locate(id) {',
    replacement:
      'async locate(id) {\n        if (this.#lost.has(id)) await this.replace(id, (to) => makeServerDirectory(this.#files, to, { clusterId: this.clusterId, serverId: id })).catch(() => undefined);',
  },
  ofStorage('rename a file before its content is on the disk'),
  ofStorage('report a write of the log before it is on the disk'),
  ...MEMBERS_MUTANTS,
  ...WATCH_MUTANTS,
  ...CLIENT_MUTANTS,
  ...DEDUPE_MUTANTS,
  {
    name: 'lose the results of sessions at a failover',
    file: 'state-machine/sessions/client-sessions.js',
    search: 'if (term !== this.#term) {',
    replacement:
      'if (term !== this.#term) {\n            for (const [id, one] of this.#byId)\n                this.#byId.set(id, new ClientSession(one, this.#generation));',
  },
  {
    name: 'take a command of a session for done before its client says so',
    file: 'state-machine/sessions/client-sessions.js',
    search: 'session.forgetTo(done);',
    replacement: 'session.forgetTo(seq - 1);',
  },
  {
    name: 'end sessions by the local clock',
    file: 'state-machine/sessions/client-sessions.js',
    search: 'return !this.#isInGrace && this.#clockMs >= lastUsedMs + ttlMs;',
    replacement: 'return Date.now() >= lastUsedMs + ttlMs;',
  },
  {
    name: 'execute a command of a session again',
    file: 'state-machine/sessions/client-sessions.js',
    search: 'return resultOf(earlier.kept);',
    replacement: 'return session;',
  },
  {
    name: 'leave the results of sessions out of snapshots',
    file: 'state-machine/sessions/sessions-image.js',
    search: 'this.#results = session.kept.entries();',
    replacement: '',
  },
];

/** A bug that the storage's own run finds, and a cluster should, too. */
function ofStorage(name: string): Mutant {
  const mutant = STORAGE_MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new RangeError(`the storage has no mutant "${name}"`);
  return mutant;
}
