/**
 * A check of vote leases (thesis 4.2.3, 6.4.1): a server that has answered a leader gives no other server its vote or pre-vote
 * for an election timeout from when the answered message was sent. The leader's own lease relies on that. And a server that
 * claims that the lease is over is right.
 *
 * It finds a wrong vote even if nobody is elected by it.
 */

import type { Echo, Message, ServerId, Term } from '../types.js';
import { PropertyViolation } from './property-violation.js';

/** A leader, as far as its lease goes; the lease is over if that is in the past. */
export interface Lease {
  readonly id: ServerId;
  readonly term: Term;
  readonly endMs: number;
}

/** What a server has told the leader that it answered last. */
interface Answer {
  readonly leader: ServerId;
  readonly term: Term;
  readonly sentAtMs: number;
}

export class VoteLeases {
  readonly #electionTimeoutMs: number;
  readonly #answers = new Map<ServerId, Answer>();
  /** Who asked for votes in each term with the claim that the lease is over. */
  readonly #claims = new Map<Term, Set<ServerId>>();

  constructor(electionTimeoutMs: number) {
    this.#electionTimeoutMs = electionTimeoutMs;
  }

  /** A message leaves at `nowMs`. @param leases of all servers that run and lead */
  sent(message: Message, leases: readonly Lease[], nowMs: number): void {
    const { from, to, term } = message;
    switch (message.type) {
      case 'RequestVote':
        if (message.leaseIsOver) this.#claimed(from, term, leases, nowMs);
        else this.#voted(from, term, leases, nowMs);
        return;
      case 'PreVoteResponse':
        if (message.voteGranted) this.#voted(from, term, leases, nowMs);
        return;
      case 'RequestVoteResponse':
        if (message.voteGranted && this.#claims.get(term)?.has(to) !== true)
          this.#voted(from, term, leases, nowMs);
        return;
      case 'AppendEntriesResponse':
        if (message.result.outcome !== 'stale') this.#answered(from, to, term, message.echo);
        return;
      case 'InstallSnapshotResponse':
        this.#answered(from, to, term, message.echo);
        return;
      default:
        return;
    }
  }

  #answered(id: ServerId, leader: ServerId, term: Term, { sentAtMs }: Echo): void {
    const last = this.#answers.get(id);
    if (last !== undefined && (last.term > term || (last.term === term && last.sentAtMs >= sentAtMs))) return;
    this.#answers.set(id, { leader, term, sentAtMs });
  }

  #voted(id: ServerId, term: Term, leases: readonly Lease[], nowMs: number): void {
    const answer = this.#answers.get(id);
    if (answer === undefined || answer.term >= term) return;
    if (answer.sentAtMs + this.#electionTimeoutMs <= nowMs) return;
    const lease = leases.find((one) => one.id === answer.leader && one.term === answer.term);
    if (lease === undefined || lease.endMs <= nowMs) return;
    const sinceMs = nowMs - answer.sentAtMs;
    const what = `server ${id} votes in term ${term}, ${sinceMs} ms after a message of the leader of term ${answer.term}`;
    throw new PropertyViolation('vote lease', what);
  }

  #claimed(id: ServerId, term: Term, leases: readonly Lease[], nowMs: number): void {
    const lease = leases.find((one) => one.term < term && one.endMs > nowMs);
    if (lease !== undefined) {
      const what = `server ${id} says in term ${term} that the lease is over which server ${lease.id} has in ${lease.term}`;
      throw new PropertyViolation('vote lease', what);
    }
    const claims = this.#claims.get(term);
    if (claims === undefined) this.#claims.set(term, new Set([id]));
    else claims.add(id);
  }
}
