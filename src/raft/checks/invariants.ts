/**
 * What Raft guarantees (figure 3 of the paper) and what its proof relies on, checked from outside while servers run.
 *
 * Nothing in this folder is part of a server: tests and tools alone use it. Each check compares what is seen of a server
 * now with what was seen of it before, and of the others. It looks only at what changed in between, so it can be made after
 * each step.
 */

import { quorumOf } from '../configuration.js';
import { LogTerms } from '../log-terms.js';
import { countVotes } from '../quorum.js';
import type {
  Configuration,
  Entry,
  LogIndex,
  LogPosition,
  Message,
  PersistRequest,
  RecoveredState,
  ServerId,
  Term,
} from '../types.js';
import { AppliedEntries } from './applied-entries.js';
import { ConfigurationSteps } from './configuration-steps.js';
import { hashOf } from './content-hash.js';
import { PersistedBeforeSent } from './persisted-before-sent.js';
import { PropertyViolation } from './property-violation.js';
import type { ServerView, StatusView } from './raft-view.js';
import { type ReadArrival, ReadProofs } from './read-proofs.js';
import { checkBounds, checkCommitOfOwnTerm, checkDelta } from './server-steps.js';
import { type Lease, VoteLeases } from './vote-leases.js';

/** A leader, when a read comes in. */
export type ReadingLeader = Pick<ServerView, 'id' | 'currentTerm' | 'lastLog' | 'configuration' | 'nowMs'>;

export interface InvariantsOptions {
  readonly electionTimeoutMs: number;
  /** How long the answers of a majority let a leader read by itself, in ms; 0 for not at all. */
  readonly leaseMs: number;
}

/** What was last seen of a server since it started. */
interface Seen {
  readonly view: StatusView &
    Pick<ServerView, 'votedFor' | 'lastLog' | 'logStart' | 'configuration' | 'leaseEndMs'>;
  /** Its log's terms; those of compacted entries stay as they were. */
  readonly log: LogTerms;
  /** In force now, and before its last step. */
  readonly configurations: readonly Configuration[];
}

/** What an entry of some index and term is, wherever it exists. */
interface KnownEntry {
  readonly term: Term;
  readonly previousTerm: Term | undefined;
  readonly contentHash: number;
}

export class Invariants {
  readonly #statuses = new Map<ServerId, StatusView>();
  readonly #seen = new Map<ServerId, Seen>();
  readonly #leaderOf = new Map<Term, ServerId>();
  #lastLeaderTerm: Term = 0;
  /** The log of each term's leader, as far as it was seen. */
  readonly #leaderLogs = new Map<Term, LogTerms>();
  readonly #persisted = new PersistedBeforeSent(this.#leaderLogs);
  readonly #entries = new Map<LogIndex, KnownEntry[]>();
  /** Committed entries' terms by index, and the terms in which they were first seen committed. */
  readonly #committed: { readonly term: Term; readonly committedIn: Term }[] = [];
  readonly #applied = new AppliedEntries();
  readonly #configurationSteps = new ConfigurationSteps();
  readonly #voteLeases: VoteLeases;
  readonly readProofs: ReadProofs;
  /** When something was seen last. */
  nowMs = 0;

  constructor({ electionTimeoutMs, leaseMs }: InvariantsOptions) {
    this.#voteLeases = new VoteLeases(electionTimeoutMs);
    this.readProofs = new ReadProofs(leaseMs);
  }

  /** A server has crashed: its log, commit index and state machine start anew; what it told others stays. */
  crashed(id: ServerId): void {
    this.#statuses.delete(id);
    this.#seen.delete(id);
    this.#persisted.crashed(id);
    this.#applied.crashed(id);
    this.readProofs.crashed(id);
  }

  /**
   * A server starts again with what was found on its disk: that honours all that it told others. Throws
   * {@link PropertyViolation}.
   */
  recovered(id: ServerId, state: RecoveredState): void {
    this.#persisted.recovered(id, state);
  }

  /** A server asks its disk for this. A snapshot takes the place of what is older alone. */
  persisting(id: ServerId, requests: readonly PersistRequest[]): void {
    const commitIndex = this.#seen.get(id)?.view.commitIndex ?? 0;
    for (const { snapshotChunk } of requests) {
      if (snapshotChunk === undefined || snapshotChunk.snapshot.index > commitIndex) continue;
      const what = `server ${id} takes a snapshot at ${snapshotChunk.snapshot.index}, committed to ${commitIndex}`;
      throw new PropertyViolation('older snapshot', what);
    }
  }

  /** The disk has told the server that these are there. */
  persisted(id: ServerId, requests: readonly PersistRequest[]): void {
    this.#persisted.persisted(id, requests);
  }

  /** A message leaves. It may rely only on what its sender will still find on its disk after a crash. */
  sent(message: Message): void {
    this.#persisted.sent(message);
    this.readProofs.sent(message, this, this.#seen.get(message.from)?.configurations ?? []);
    this.#voteLeases.sent(message, this.#leases(), this.nowMs);
  }

  /** A server's status, seen at any time while it runs: for servers that are watched from afar. */
  observed(status: StatusView): void {
    const before = this.#statuses.get(status.id);
    this.#statuses.set(status.id, status);
    if (before !== undefined && status.currentTerm < before.currentTerm)
      throw new PropertyViolation('monotonic term', `server ${status.id}`);
    if (before !== undefined && status.commitIndex < before.commitIndex)
      throw new PropertyViolation('monotonic commit', `server ${status.id}`);
    if (status.role === 'leader') this.#noteLeader(status);
  }

  /** A server has done something: checks all that may have changed with it. Throws {@link PropertyViolation}. */
  stepped(server: ServerView): void {
    this.nowMs = Math.max(this.nowMs, server.nowMs);
    this.observed(server);
    const seen = this.#seen.get(server.id);
    checkBounds(server);
    if (seen !== undefined) checkDelta(server, seen.view);
    if (server.role === 'leader') this.#checkLeader(server, seen);
    const log = this.#followLog(server, seen?.log);
    if (server.role === 'leader') this.#noteLeaderLog(server, log);
    this.#noteCommitted(server, log, seen?.view);
    this.#configurationSteps.knownAt(server);
    const configurations = [server.configuration, ...(seen === undefined ? [] : [seen.view.configuration])];
    this.#seen.set(server.id, { view: server, log, configurations });
  }

  /** A server ends for good, and its disk is not used again. */
  removed(id: ServerId): void {
    this.#configurationSteps.removed(id);
  }

  /** A server's state machine was replaced by a snapshot up to `index`, which must not take it back. */
  restored(id: ServerId, index: LogIndex): void {
    this.#applied.restored(id, index);
  }

  /** A server has applied an entry. State machine safety: it is the next entry, and no server applies another at its index. */
  applied(id: ServerId, entry: Entry): void {
    this.#applied.applied(id, entry);
    this.#checkSame(id, entry);
  }

  /** Up to where any server was seen to have committed. */
  get committedIndex(): LogIndex {
    return Math.max(0, this.#committed.length - 1);
  }

  /** A group of reads came in at a leader, which will have it confirmed. */
  asked(leader: ReadingLeader, readId: number): void {
    this.readProofs.asked(readId, this.#arrivalAt(leader));
  }

  /** The reads were confirmed: they may be answered once everything up to `index` is applied. */
  confirmed({ id, configuration }: ReadingLeader, readId: number, index: LogIndex): void {
    this.readProofs.confirmed(id, { readId, index, configuration });
  }

  /** A leader answers a read from its state, in which everything up to `appliedIndex` is applied, without asking anybody. */
  answered(leader: ReadingLeader, appliedIndex: LogIndex): void {
    this.readProofs.answered(this.#arrivalAt(leader), appliedIndex);
  }

  #arrivalAt({ id, currentTerm: term, nowMs, lastLog, configuration }: ReadingLeader): ReadArrival {
    const { committedIndex } = this;
    return { leader: id, term, nowMs, configuration, committedIndex, lastIndex: lastLog.index };
  }

  /** Election safety: at most one leader a term. */
  #noteLeader({ id, currentTerm }: StatusView): void {
    const other = this.#leaderOf.get(currentTerm);
    if (other !== undefined && other !== id) {
      const what = `servers ${other} and ${id} lead in term ${currentTerm}`;
      throw new PropertyViolation('election safety', what);
    }
    this.#leaderOf.set(currentTerm, id);
    this.#lastLeaderTerm = Math.max(this.#lastLeaderTerm, currentTerm);
  }

  #checkLeader(server: ServerView, seen: Seen | undefined): void {
    const { id, currentTerm, lastLog } = server;
    this.#checkLeases(server);
    if (seen?.view.role !== 'leader' || seen.view.currentTerm !== currentTerm) {
      this.#persisted.elected(id, currentTerm);
      this.#checkCompleteness(server);
      return;
    }
    const { index, term } = seen.view.lastLog;
    if (lastLog.index < index || server.termAt(index) !== term)
      throw new PropertyViolation('leader append-only', `server ${id} in term ${currentTerm}`);
    if (server.commitIndex > seen.view.commitIndex) checkCommitOfOwnTerm(server);
    const before = seen.view.configuration;
    if (server.configuration !== before) this.#configurationSteps.appended(server, before);
  }

  /**
   * A new leader has every entry that was committed in an earlier term. By log matching, the last one stands for all. (A
   * leader that is elected late, when a later term has begun, need not have what was committed in that.)
   */
  #checkCompleteness(server: ServerView): void {
    let index = this.#committed.length - 1;
    while (index > 0 && (this.#committed[index]?.committedIn ?? 0) >= server.currentTerm) index -= 1;
    const committed = this.#committed[index];
    if (committed === undefined || index <= server.logStart.index) return;
    if (server.termAt(index) === committed.term) return;
    const what = `server ${server.id} leads in term ${server.currentTerm} without entry ${index} of term ${committed.term}`;
    throw new PropertyViolation('leader completeness', what);
  }

  /** While a leader's lease lasts, nobody is elected in a later term (thesis 6.4.1). */
  #checkLeases({ id, currentTerm, nowMs, leaseEndMs }: ServerView): void {
    if (currentTerm < this.#lastLeaderTerm && nowMs < leaseEndMs) {
      const what = `server ${id} has one in term ${currentTerm} when term ${this.#lastLeaderTerm} has a leader`;
      throw new PropertyViolation('lease', what);
    }
    for (const { view } of this.#seen.values()) {
      if (view.id === id || view.currentTerm >= currentTerm || view.leaseEndMs <= nowMs) continue;
      const what = `server ${id} leads in term ${currentTerm} while server ${view.id} has one in term ${view.currentTerm}`;
      throw new PropertyViolation('lease', what);
    }
  }

  #leases(): readonly Lease[] {
    const leases: Lease[] = [];
    for (const { view } of this.#seen.values()) {
      if (view.role === 'leader')
        leases.push({ id: view.id, term: view.currentTerm, endMs: view.leaseEndMs });
    }
    return leases;
  }

  /** Log matching, entry by entry: what is new must be preceded by the same, and hold the same, as anywhere else. */
  #followLog(server: ServerView, before: LogTerms | undefined): LogTerms {
    const { logStart, lastLog } = server;
    // A snapshot took the place of the whole log, or the server has started.
    const isNew = before === undefined || before.termAt(logStart.index) !== logStart.term;
    const log = isNew ? new LogTerms(logStart) : before;
    let from = Math.min(log.lastIndex, lastLog.index);
    while (from > logStart.index && log.termAt(from) !== server.termAt(from)) from -= 1;
    log.truncateTo(from);
    if (from === lastLog.index) return log;
    for (const entry of server.entries(from + 1, lastLog.index))
      this.#noteEntry(server.id, entry, server.termAt(entry.index - 1));
    for (let index = from + 1; index <= lastLog.index; index += 1) {
      const term = server.termAt(index);
      if (term !== undefined) log.extend(index, term);
    }
    return log;
  }

  #noteEntry(id: ServerId, entry: Entry, previousTerm: Term | undefined): void {
    const { index, term } = entry;
    const contentHash = hashOf(entry);
    let known = this.#entries.get(index);
    if (known === undefined) {
      known = [];
      this.#entries.set(index, known);
    }
    const first = known.find((other) => other.term === term);
    if (first === undefined) known.push({ term, previousTerm, contentHash });
    else if (first.previousTerm !== previousTerm || first.contentHash !== contentHash)
      throw new PropertyViolation('log matching', `server ${id} at ${index} of term ${term}`);
  }

  #noteLeaderLog({ currentTerm }: ServerView, log: LogTerms): void {
    const known = this.#leaderLogs.get(currentTerm);
    if (known === undefined) this.#leaderLogs.set(currentTerm, log.copy());
    else known.extend(log.lastIndex, currentTerm);
  }

  /** What is committed is the same everywhere, and acknowledged by a majority when a leader commits it. */
  #noteCommitted(server: ServerView, log: LogTerms, before: Seen['view'] | undefined) {
    const { id, role, commitIndex, currentTerm, logStart, configuration } = server;
    const from = before?.commitIndex ?? 0;
    // What a snapshot covers was checked where it was committed; where the log starts, it tells its last term.
    this.#checkSame(id, logStart);
    const isFirst = commitIndex > this.committedIndex;
    for (let index = Math.max(from, logStart.index) + 1; index <= commitIndex; index += 1) {
      const term = log.termAt(index);
      if (term === undefined) continue;
      if (this.#committed[index] === undefined) this.#committed[index] = { term, committedIn: currentTerm };
      else this.#checkSame(id, { index, term });
    }
    const term = log.termAt(commitIndex);
    if (isFirst && role === 'leader' && term !== undefined)
      // It may have appended the next configuration in the same step.
      this.#noteQuorum(server, { index: commitIndex, term }, before?.configuration ?? configuration);
  }

  #checkSame(id: ServerId, { index, term }: LogPosition): void {
    const first = this.#committed[index];
    if (first === undefined || first.term === term) return;
    const what = `server ${id} commits ${index} of term ${term}, not ${first.term}`;
    throw new PropertyViolation('committed once', what);
  }

  /**
   * A leader commits this (§5.3, §5.4.2): a majority has it, or a majority of both configurations (thesis 4.3). Where its own
   * disk is needed for it, it must be there, too.
   */
  #noteQuorum(
    { id, currentTerm, configuration }: ServerView,
    position: LogPosition,
    before: Configuration,
  ): void {
    const others = this.#persisted.acknowledgedBy(currentTerm, position.index);
    const isDecided = (acknowledged: readonly ServerId[]) =>
      [before, configuration].some(
        (one) => countVotes(quorumOf(one), new Map(acknowledged.map((other) => [other, true]))) === 'won',
      );
    if (isDecided(others)) return;
    this.#persisted.countedItself(id, currentTerm, position);
    if (isDecided([...others, id])) return;
    const what = `server ${id} commits ${position.index}, which ${others.length} others acknowledged`;
    throw new PropertyViolation('acknowledged by a majority', what);
  }
}
