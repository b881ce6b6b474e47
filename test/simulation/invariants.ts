/**
 * What Raft guarantees (figure 3 of the paper) and what its proof relies on, checked from outside while servers run.
 *
 * Every check looks only at what changed since the last one, so it can be made after each step.
 */

import type {
  Entry,
  LogIndex,
  LogPosition,
  Message,
  RequestVote,
  RoleName,
  ServerId,
  Term,
} from '../../src/raft/types.js';

/** A property was broken. */
export class PropertyViolation extends Error {
  readonly property: string;

  constructor(property: string, what: string) {
    super(`${property}: ${what}`);
    this.name = 'PropertyViolation';
    this.property = property;
  }
}

/** What is looked at of a server that runs. */
export interface ServerView {
  readonly id: ServerId;
  readonly role: RoleName;
  readonly currentTerm: Term;
  readonly commitIndex: LogIndex;
  readonly lastLog: LogPosition;
  readonly logStart: LogPosition;
  /** The time now, and until when it may read its own state as a leader, on a clock that all servers share. */
  readonly nowMs: number;
  readonly leaseEndMs: number;
  entries(from: LogIndex, to: LogIndex): readonly Entry[];
}

/** What is looked at of a server's disk, whether the server runs or not. */
export interface DiskView {
  readonly hardState: { readonly currentTerm: Term; readonly votedFor: ServerId | undefined };
  readonly lastIndex: LogIndex;
  holds(position: LogPosition): boolean;
}

/** What was last seen of a server. */
interface Seen {
  term: Term;
  role: RoleName;
  commitIndex: LogIndex;
  leaseEndMs: number;
  last: LogPosition;
  /** Its log's terms by index; those of compacted entries stay as they were. */
  readonly terms: Term[];
}

export class Invariants {
  readonly #disks: readonly DiskView[];
  readonly #seen = new Map<ServerId, Seen>();
  readonly #leaderOf = new Map<Term, ServerId>();
  #lastLeaderTerm: Term = 0;
  /** What precedes an entry and what it holds: the same wherever an entry of that index and term exists. */
  readonly #entries = new Map<string, string>();
  /** Committed entries' terms by index, and the terms in which they were first seen committed. */
  readonly #committed: { readonly term: Term; readonly committedIn: Term }[] = [];
  /** Applied payloads by index, as first seen. */
  readonly #applied = new Map<LogIndex, string>();
  /** Up to where each server that runs has applied. */
  readonly #appliedIndex = new Map<ServerId, LogIndex>();

  /** @param disks the servers' disks, by server id */
  constructor(disks: readonly DiskView[]) {
    this.#disks = disks;
  }

  /** A server has crashed. Its term on disk is the one it must not fall behind; its log and commit index start anew. */
  crashed(id: ServerId): void {
    this.#seen.delete(id);
    this.#appliedIndex.delete(id);
  }

  /** A server has done something: checks all that may have changed with it. Throws {@link PropertyViolation}. */
  stepped(server: ServerView): void {
    const seen = this.#seen.get(server.id);
    if (seen !== undefined) this.#checkMonotonic(server, seen);
    if (server.role === 'leader') this.#checkLeader(server, seen);
    const terms = this.#checkLog(server, seen?.terms ?? []);
    this.#checkCommitted(server, terms, seen?.commitIndex ?? 0);
    this.#seen.set(server.id, {
      term: server.currentTerm,
      role: server.role,
      commitIndex: server.commitIndex,
      leaseEndMs: server.leaseEndMs,
      last: server.lastLog,
      terms,
    });
  }

  /** A server's state machine was replaced by a snapshot up to `index`, which must not take it back. */
  restored(id: ServerId, index: LogIndex): void {
    const before = this.#appliedIndex.get(id) ?? 0;
    if (index < before)
      throw new PropertyViolation('monotonic applied', `server ${id} restores ${index} after ${before}`);
    this.#appliedIndex.set(id, index);
  }

  /** A server has applied an entry. State machine safety: the next one, and nobody applies another one there. */
  applied(id: ServerId, entry: Entry): void {
    const before = this.#appliedIndex.get(id) ?? 0;
    if (entry.index !== before + 1)
      throw new PropertyViolation('monotonic applied', `server ${id} applies ${entry.index} after ${before}`);
    this.#appliedIndex.set(id, entry.index);
    const content = `${entry.term}:${Buffer.from(entry.payload).toString('latin1')}`;
    const first = this.#applied.get(entry.index);
    if (first === undefined) this.#applied.set(entry.index, content);
    else if (first !== content)
      throw new PropertyViolation('state machine safety', `server ${id} at ${entry.index}`);
  }

  /** Up to where any server was seen to have committed. */
  get committedIndex(): LogIndex {
    return Math.max(0, this.#committed.length - 1);
  }

  /**
   * A read is confirmed at `index` (thesis 6.4) that came in when everything up to `committedIndex` was committed and the
   * server's log ended at `lastIndex`: it sees all of the former, and does not wait for what was proposed after it.
   */
  confirmed(
    id: ServerId,
    index: LogIndex,
    { committedIndex, lastIndex }: { readonly committedIndex: LogIndex; readonly lastIndex: LogIndex },
  ): void {
    if (index >= committedIndex && index <= lastIndex) return;
    const when = `${committedIndex} was committed and ${lastIndex} the last`;
    throw new PropertyViolation(
      'read index',
      `server ${id} confirms a read at ${index} that came in when ${when}`,
    );
  }

  /** A message leaves: what it promises must be on its sender's disk. */
  sent(message: Message): void {
    const disk = this.#disks[message.from];
    const isKept = disk === undefined || isDurable(message, disk);
    if (!isKept)
      throw new PropertyViolation('persisted before sent', `${message.type} of server ${message.from}`);
  }

  #checkMonotonic(server: ServerView, seen: Seen): void {
    if (server.currentTerm < seen.term) throw new PropertyViolation('monotonic term', `server ${server.id}`);
    if (server.commitIndex < seen.commitIndex)
      throw new PropertyViolation('monotonic commit', `server ${server.id}`);
  }

  #checkLeader(server: ServerView, seen: Seen | undefined): void {
    const { id, currentTerm, lastLog } = server;
    const other = this.#leaderOf.get(currentTerm);
    if (other !== undefined && other !== id)
      throw new PropertyViolation(
        'election safety',
        `servers ${other} and ${id} lead in term ${currentTerm}`,
      );
    this.#leaderOf.set(currentTerm, id);
    this.#lastLeaderTerm = Math.max(this.#lastLeaderTerm, currentTerm);
    this.#checkLeases(server);
    const wasLeader = seen?.role === 'leader' && seen.term === currentTerm;
    if (!wasLeader) this.#checkCompleteness(server);
    else if (lastLog.index < seen.last.index || termAt(server, seen.last.index) !== seen.last.term)
      throw new PropertyViolation('leader append-only', `server ${id} in term ${currentTerm}`);
  }

  /**
   * A new leader has every entry that was committed in an earlier term. By log matching, the last one stands for all. (A
   * leader that is elected late, when a later term has begun, need not have what was committed in that.)
   */
  #checkCompleteness(server: ServerView): void {
    let index = this.#committed.length - 1;
    while (index > 0 && (this.#committed[index]?.committedIn ?? 0) >= server.currentTerm) index -= 1;
    const committed = this.#committed[index];
    if (committed === undefined || index <= server.logStart.index || termAt(server, index) === committed.term)
      return;
    const what = `server ${server.id} leads in term ${server.currentTerm} without entry ${index} of term ${committed.term}`;
    throw new PropertyViolation('leader completeness', what);
  }

  /** While a leader's lease lasts, nobody is elected in a later term (thesis 6.4.1). */
  #checkLeases({ id, currentTerm, nowMs, leaseEndMs }: ServerView): void {
    if (currentTerm < this.#lastLeaderTerm && nowMs < leaseEndMs)
      throw new PropertyViolation(
        'lease',
        `server ${id} has one in term ${currentTerm} when term ${this.#lastLeaderTerm} has a leader`,
      );
    for (const [other, seen] of this.#seen) {
      if (other === id || seen.term >= currentTerm || seen.leaseEndMs <= nowMs) continue;
      const what = `server ${id} leads in term ${currentTerm} while server ${other} has one in term ${seen.term}`;
      throw new PropertyViolation('lease', what);
    }
  }

  /** Log matching, entry by entry: what is new must be preceded by the same, and hold the same, as anywhere else. */
  #checkLog(server: ServerView, before: readonly Term[]): Term[] {
    const { logStart, lastLog } = server;
    const terms = before.slice(0, lastLog.index + 1);
    terms[logStart.index] = logStart.term;
    let from = lastLog.index;
    while (from > logStart.index && terms[from] !== termAt(server, from)) from -= 1;
    let previous = from === logStart.index ? logStart.term : terms[from];
    for (const entry of lastLog.index > from ? server.entries(from + 1, lastLog.index) : []) {
      const name = `${entry.index}:${entry.term}`;
      const content = `${previous}:${Buffer.from(entry.payload).toString('latin1')}`;
      const first = this.#entries.get(name);
      if (first === undefined) this.#entries.set(name, content);
      else if (first !== content)
        throw new PropertyViolation('log matching', `server ${server.id} at ${name}`);
      terms[entry.index] = entry.term;
      previous = entry.term;
    }
    return terms;
  }

  /** What is committed is the same everywhere, and on the disks of a majority when it is committed first. */
  #checkCommitted(
    { id, commitIndex, currentTerm, logStart }: ServerView,
    terms: readonly Term[],
    from: LogIndex,
  ): void {
    // What a snapshot covers was checked where it was committed; where the log starts, it tells its last term.
    this.#checkSame(id, logStart);
    for (let index = Math.max(from, logStart.index) + 1; index <= commitIndex; index += 1) {
      const term = terms[index];
      if (term === undefined) continue;
      if (this.#committed[index] === undefined) {
        this.#checkDurable(id, { index, term });
        this.#committed[index] = { term, committedIn: currentTerm };
      } else this.#checkSame(id, { index, term });
    }
  }

  #checkSame(id: ServerId, { index, term }: LogPosition): void {
    const first = this.#committed[index];
    if (first === undefined || first.term === term) return;
    const what = `server ${id} commits ${index} of term ${term}, not ${first.term}`;
    throw new PropertyViolation('committed once', what);
  }

  #checkDurable(id: ServerId, position: LogPosition): void {
    const holders = this.#disks.filter((disk) => disk.holds(position)).length;
    if (holders * 2 > this.#disks.length) return;
    const what = `server ${id} commits ${position.index}, which ${holders} of ${this.#disks.length} disks have`;
    throw new PropertyViolation('durable on a majority', what);
  }
}

function termAt(server: ServerView, index: LogIndex): Term | undefined {
  if (index === server.logStart.index) return server.logStart.term;
  return server.entries(index, index)[0]?.term;
}

function holdsLastLog(disk: DiskView, { lastLogIndex: index, lastLogTerm: term }: RequestVote): boolean {
  return index === 0 || disk.holds({ index, term });
}

function isDurable(message: Message, disk: DiskView): boolean {
  const { currentTerm, votedFor } = disk.hardState;
  switch (message.type) {
    case 'RequestVote':
      return currentTerm > message.term || holdsLastLog(disk, message);
    case 'RequestVoteResponse':
      if (!message.voteGranted || currentTerm !== message.term) return currentTerm >= message.term;
      return votedFor === message.to;
    case 'AppendEntriesResponse':
      if (currentTerm < message.term) return false;
      return (
        message.result.outcome !== 'accepted' ||
        currentTerm > message.term ||
        message.result.matchIndex <= disk.lastIndex
      );
    case 'InstallSnapshotResponse':
      if (currentTerm < message.term) return false;
      return !message.isInstalled || disk.holds(message.snapshot);
    case 'AppendEntries':
    case 'InstallSnapshot':
    case 'TimeoutNow':
      return currentTerm >= message.term;
    default:
      return true;
  }
}
