/**
 * A check: what a server has told others it may never forget (figure 2, "updated on stable storage before responding to
 * RPCs").
 *
 * What each message relies on is on its sender's disk when it is sent, as far as the disk has told the sender; and it is
 * compared with what is found there after a crash. A vote, a term and an acknowledged entry are still there then, unless a
 * later leader replaced the entry or a snapshot covers it.
 */

import type { LogTerms } from '../log-terms.js';
import type {
  LogIndex,
  LogPosition,
  Message,
  PersistRequest,
  RecoveredState,
  ServerId,
  Term,
} from '../types.js';
import { Disks } from './disks.js';
import { PropertyViolation } from './property-violation.js';

/** The log has this position, as long as no leader of a term later than `term` replaces it. */
interface KeptEntry extends LogPosition {
  readonly leaderTerm: Term;
  /** The leader's log that it is part of, if it was acknowledged to a leader. */
  readonly log: LogTerms | undefined;
}

/** What one server has claimed in its messages. */
interface Claims {
  term: Term;
  /** The latest vote, and for whom. */
  vote: { readonly term: Term; readonly candidate: ServerId } | undefined;
  /** The entries that must be kept, without those that a later one implies. */
  entries: KeptEntry[];
  /** Up to where it acknowledged the log of each term's leader. */
  readonly acknowledged: Map<Term, LogIndex>;
}

export class PersistedBeforeSent {
  readonly #leaderLogs: ReadonlyMap<Term, LogTerms>;
  readonly #claims = new Map<ServerId, Claims>();
  readonly #disks = new Disks();

  /** @param leaderLogs the log of each term's leader, as far as it was seen */
  constructor(leaderLogs: ReadonlyMap<Term, LogTerms>) {
    this.#leaderLogs = leaderLogs;
  }

  /** The disk has told the server that these are there. */
  persisted(id: ServerId, requests: readonly PersistRequest[]): void {
    this.#disks.persisted(id, requests);
  }

  /** What is on its disk is known again when it starts. */
  crashed(id: ServerId): void {
    this.#disks.crashed(id);
  }

  /** Notes what a message relies on that leaves a server. Throws PropertyViolation when that is not on its disk. */
  sent(message: Message): void {
    const { from, to, term } = message;
    switch (message.type) {
      case 'PreVote':
      case 'PreVoteResponse':
        return;
      case 'ReadIndex':
        // A term that is asked in binds nobody.
        return;
      case 'RequestVote':
        // The term and the own vote are written meanwhile. The log's end has to be there: see startElection.
        this.#checkLog(from, { index: message.lastLogIndex, term: message.lastLogTerm }, term - 1);
        this.#keep(from, {
          index: message.lastLogIndex,
          term: message.lastLogTerm,
          leaderTerm: term - 1,
          log: undefined,
        });
        return;
      case 'RequestVoteResponse':
        if (message.voteGranted) this.#voted(from, term, to);
        else this.#reached(from, term);
        return;
      case 'AppendEntries':
      case 'InstallSnapshot':
      case 'TimeoutNow':
      case 'ReadIndexResponse':
        this.#voted(from, term, from);
        return;
      case 'AppendEntriesResponse':
        this.#reached(from, term);
        if (message.result.outcome === 'accepted') this.#acknowledged(from, term, message.result.matchIndex);
        return;
      case 'InstallSnapshotResponse':
        this.#reached(from, term);
        if (message.isInstalled) this.#acknowledged(from, term, message.snapshot.index);
        return;
    }
  }

  /** The servers that have acknowledged the log of this term's leader up to `index`, without the leader itself. */
  acknowledgedBy(term: Term, index: LogIndex): readonly ServerId[] {
    const by: ServerId[] = [];
    for (const [id, { acknowledged }] of this.#claims) {
      if ((acknowledged.get(term) ?? 0) >= index) by.push(id);
    }
    return by;
  }

  /** A leader has committed an entry for which its own disk was needed: it keeps it like one that was acknowledged. */
  countedItself(leader: ServerId, leaderTerm: Term, position: LogPosition): void {
    const { index, term } = position;
    this.#checkLog(leader, position, leaderTerm);
    this.#keep(leader, { index, term, leaderTerm, log: this.#leaderLogs.get(leaderTerm) });
  }

  /** A server leads: its own vote counted, so it must not be forgotten. */
  elected(id: ServerId, term: Term): void {
    this.#checkVote(id, term, id);
  }

  /** A server starts again with what was found on its disk. Throws PropertyViolation when that is too little. */
  recovered(id: ServerId, state: RecoveredState): void {
    this.#disks.recovered(id, state);
    const claims = this.#claims.get(id);
    if (claims === undefined) return;
    const { hardState, snapshot, entries, logStart } = state;
    const { currentTerm, votedFor } = hardState;
    if (currentTerm < claims.term) throw forgotten(id, `term ${claims.term}, and is in term ${currentTerm}`);
    if (claims.vote?.term === currentTerm && claims.vote.candidate !== votedFor)
      throw forgotten(id, `its vote for server ${claims.vote.candidate} in term ${currentTerm}`);
    const covered = Math.max(logStart.index, snapshot?.index ?? 0);
    const last = entries.at(-1) ?? logStart;
    for (const entry of claims.entries) {
      if (entry.index <= covered) continue;
      if (entries[entry.index - logStart.index - 1]?.term === entry.term) continue;
      if (this.#isReplaced(entry, last, currentTerm)) continue;
      throw forgotten(id, `entry ${entry.index} of term ${entry.term}, and its log ends at ${last.index}`);
    }
  }

  /**
   * Whether a later leader, whose log has no such entry, has made the log end where it does. What conflicts is removed in
   * the same step in which something else is appended (§5.3), so it ends where the log that had the entry goes on otherwise.
   */
  #isReplaced({ index, term, leaderTerm, log }: KeptEntry, last: LogPosition, currentTerm: Term): boolean {
    if (log?.termAt(last.index) === last.term) return false;
    for (const [laterTerm, later] of this.#leaderLogs) {
      if (laterTerm <= leaderTerm || laterTerm > currentTerm) continue;
      if (later.termAt(last.index) === last.term && later.termAt(index) !== term) return true;
    }
    return false;
  }

  #claimsOf(id: ServerId): Claims {
    let claims = this.#claims.get(id);
    if (claims === undefined) {
      claims = { term: 0, vote: undefined, entries: [], acknowledged: new Map() };
      this.#claims.set(id, claims);
    }
    return claims;
  }

  /** A server that has entered a later term need not keep what it told of an earlier one. */
  #checkVote(id: ServerId, term: Term, candidate: ServerId): void {
    const hardState = this.#disks.of(id)?.hardState;
    if (hardState === undefined || hardState.currentTerm > term) return;
    if (hardState.currentTerm < term || hardState.votedFor !== candidate)
      throw tooEarly(id, `a vote for server ${candidate} in term ${term}`);
  }

  /** The log has this position, unless it went on with a leader of a term after `leaderTerm`. */
  #checkLog(id: ServerId, position: LogPosition, leaderTerm: Term): void {
    const disk = this.#disks.of(id);
    if (disk === undefined || disk.hardState.currentTerm > leaderTerm || disk.has(position)) return;
    throw tooEarly(id, `entry ${position.index} of term ${position.term}`);
  }

  #reached(id: ServerId, term: Term): void {
    const hardState = this.#disks.of(id)?.hardState;
    if (hardState !== undefined && hardState.currentTerm < term) throw tooEarly(id, `term ${term}`);
    this.#noteTerm(id, term);
  }

  #noteTerm(id: ServerId, term: Term): void {
    const claims = this.#claimsOf(id);
    if (term > claims.term) claims.term = term;
  }

  #voted(id: ServerId, term: Term, candidate: ServerId): void {
    this.#checkVote(id, term, candidate);
    this.#noteTerm(id, term);
    const claims = this.#claimsOf(id);
    if (claims.vote === undefined || claims.vote.term < term) claims.vote = { term, candidate };
  }

  #acknowledged(id: ServerId, leaderTerm: Term, index: LogIndex): void {
    const { acknowledged } = this.#claimsOf(id);
    if ((acknowledged.get(leaderTerm) ?? -1) >= index) return;
    acknowledged.set(leaderTerm, index);
    const log = this.#leaderLogs.get(leaderTerm);
    const term = log?.termAt(index);
    if (term === undefined) return;
    this.#checkLog(id, { index, term }, leaderTerm);
    this.#keep(id, { index, term, leaderTerm, log });
  }

  #keep(id: ServerId, entry: KeptEntry): void {
    const claims = this.#claimsOf(id);
    const isImplied = (a: KeptEntry, b: KeptEntry) => a.leaderTerm <= b.leaderTerm && a.index <= b.index;
    if (entry.index === 0 || claims.entries.some((other) => isImplied(entry, other))) return;
    claims.entries = claims.entries.filter((other) => !isImplied(other, entry));
    claims.entries.push(entry);
  }
}

function forgotten(id: ServerId, what: string): PropertyViolation {
  return new PropertyViolation('persisted before sent', `server ${id} has forgotten ${what}`);
}

function tooEarly(id: ServerId, what: string): PropertyViolation {
  return new PropertyViolation(
    'persisted before sent',
    `server ${id} relies on ${what}, which is not on its disk`,
  );
}
