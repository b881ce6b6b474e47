/**
 * A check of reads without a log entry (thesis 6.4): what a read sees holds everything that was committed when it came in, and
 * its server was heard as the leader by a majority since, or so recently that no other leader can be.
 *
 * The proof is looked for in the answers that have left the others, not in what the leader makes of them. What a leader takes for
 * its lease is compared with them, too: a lease that is too long is wrong even if nobody reads by it.
 */

import { quorumOf } from '../configuration.js';
import { reachedByQuorum } from '../quorum.js';
import type { Configuration, Echo, LogIndex, Message, ServerId, Term } from '../types.js';
import { PropertyViolation } from './property-violation.js';
import type { ServerView } from './raft-view.js';

type LeasedLeader = Pick<ServerView, 'id' | 'currentTerm' | 'nowMs' | 'leaseEndMs' | 'configuration'>;

/** When a read came in at a leader. */
export interface ReadArrival {
  readonly leader: ServerId;
  readonly term: Term;
  readonly nowMs: number;
  readonly configuration: Configuration;
  /** Everything up to it was committed then, anywhere. */
  readonly committedIndex: LogIndex;
  /** The leader's log ended there. */
  readonly lastIndex: LogIndex;
}

/** A follower asked its leader about its reads. */
interface FollowerRequest {
  readonly sentAtMs: number;
  /** Everything up to it was committed then, anywhere. */
  readonly committedIndex: LogIndex;
}

/** What is so when a message leaves. */
export interface Departure {
  readonly nowMs: number;
  readonly committedIndex: LogIndex;
}

/** A confirmation, and the configuration in force then. */
export interface Confirmation {
  readonly readId: number;
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

export class ReadProofs {
  readonly #leaseMs: number;
  /** The unconfirmed reads of each leader. */
  readonly #asked = new Map<ServerId, Map<number, ReadArrival>>();
  /** When the last message of the leader was sent that a server has answered, by term and server. */
  readonly #answered = new Map<Term, Map<ServerId, number>>();
  /** When each request of a follower was first sent, by follower and number. */
  readonly #requests = new Map<ServerId, Map<number, FollowerRequest>>();
  /** Terms whose leaders have offered their leadership: their leases are over. */
  readonly #offered = new Set<Term>();

  /** @param leaseMs 0 where no lease is relied on */
  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  crashed(id: ServerId): void {
    this.#asked.delete(id);
  }

  /** A message leaves. @param configurations in force at its sender, now and before its last step */
  sent(message: Message, departure: Departure, configurations: readonly Configuration[]): void {
    const { from, term } = message;
    if (message.type === 'ReadIndex') this.#noteRequest(from, message.request, departure);
    if (message.type === 'ReadIndexResponse') this.#checkResponse(message, departure, configurations);
    if (message.type === 'TimeoutNow') this.#offered.add(term);
    if (message.type === 'AppendEntriesResponse' && message.result.outcome !== 'stale')
      this.#noteAnswer(from, term, message.echo);
    if (message.type === 'InstallSnapshotResponse') this.#noteAnswer(from, term, message.echo);
  }

  /** A group of reads came in at a leader. */
  asked(readId: number, arrival: ReadArrival): void {
    let reads = this.#asked.get(arrival.leader);
    if (reads === undefined) {
      reads = new Map();
      this.#asked.set(arrival.leader, reads);
    }
    reads.set(readId, arrival);
  }

  /** It may be answered once everything up to `index` is applied. */
  confirmed(id: ServerId, { readId, index, configuration }: Confirmation): void {
    const reads = this.#asked.get(id);
    const read = reads?.get(readId);
    if (reads === undefined || read === undefined) return;
    reads.delete(readId);
    const { nowMs, committedIndex, lastIndex } = read;
    if (index < committedIndex || index > lastIndex) {
      const when = `${committedIndex} was committed and ${lastIndex} the last`;
      throw broken(id, `confirms a read at ${index} that came in when ${when}`);
    }
    if (!this.#isProven(read) && !this.#isProven({ ...read, configuration }))
      throw broken(id, `confirms a read of ${nowMs} ms by answers to what it sent earlier`);
  }

  /** A leader answers a read from its state as it is, with everything up to `appliedIndex` applied. */
  answered(read: ReadArrival, appliedIndex: LogIndex): void {
    const { leader, committedIndex } = read;
    if (appliedIndex < committedIndex)
      throw broken(leader, `answers a read with ${appliedIndex} applied and ${committedIndex} committed`);
    if (!this.#isProven(read)) throw broken(leader, 'answers a read by itself and has no lease');
  }

  /** Whether a quorum has answered what was sent after the read came in, or so shortly before that a lease covers it. */
  #isProven(arrival: ReadArrival): boolean {
    const { term, nowMs } = arrival;
    const provenMs = this.#provenMs(arrival);
    return provenMs >= nowMs || (!this.#offered.has(term) && provenMs + this.#leaseMs > nowMs);
  }

  /** When the last message was sent that a quorum has answered, or a later one. */
  #provenMs({
    leader,
    term,
    nowMs,
    configuration,
  }: Omit<ReadArrival, 'committedIndex' | 'lastIndex'>): number {
    const answered = this.#answered.get(term);
    return reachedByQuorum(quorumOf(configuration), (voter) =>
      voter === leader ? nowMs : (answered?.get(voter) ?? Number.NEGATIVE_INFINITY),
    );
  }

  /** Throws PropertyViolation when a leader's lease, as it has it, lasts longer than the answers of a quorum let it. */
  leased({ id, currentTerm: term, nowMs, leaseEndMs, configuration }: LeasedLeader): void {
    if (leaseEndMs <= nowMs) return;
    const provenMs = this.#provenMs({ leader: id, term, nowMs, configuration });
    if (!this.#offered.has(term) && leaseEndMs <= provenMs + this.#leaseMs) return;
    throw new PropertyViolation(
      'lease',
      `server ${id} has one until ${leaseEndMs}, by answers to ${provenMs}`,
    );
  }

  #noteRequest(follower: ServerId, request: number, { nowMs, committedIndex }: Departure): void {
    let requests = this.#requests.get(follower);
    if (requests === undefined) {
      requests = new Map();
      this.#requests.set(follower, requests);
    }
    if (!requests.has(request)) requests.set(request, { sentAtMs: nowMs, committedIndex });
  }

  /** A leader has told a follower how far its state must be: a quorum has followed it since, or a lease covered it. */
  #checkResponse(
    { from: leader, to, term, request, index }: Extract<Message, { type: 'ReadIndexResponse' }>,
    { nowMs }: Departure,
    configurations: readonly Configuration[],
  ): void {
    const asked = this.#requests.get(to)?.get(request);
    if (asked === undefined) return;
    if (index < asked.committedIndex)
      throw broken(leader, `tells server ${to} ${index} when ${asked.committedIndex} was committed`);
    const isProven = configurations.some((configuration) => {
      const provenMs = this.#provenMs({ leader, term, nowMs, configuration });
      return provenMs >= asked.sentAtMs || provenMs + this.#leaseMs > asked.sentAtMs;
    });
    if (!isProven) throw broken(leader, `answers server ${to} without a majority or a lease`);
  }

  #noteAnswer(id: ServerId, term: Term, { sentAtMs }: Echo): void {
    const answered = this.#answered.get(term);
    if (answered === undefined) this.#answered.set(term, new Map([[id, sentAtMs]]));
    else answered.set(id, Math.max(sentAtMs, answered.get(id) ?? sentAtMs));
  }
}

function broken(id: ServerId, what: string): PropertyViolation {
  return new PropertyViolation('read index', `server ${id} ${what}`);
}
