/**
 * What a listener hears of elections, for logs: why a vote was refused, why a leader stepped down.
 *
 * Events are data. They are made only if somebody listens, and no rule depends on them.
 */

import type { LogPosition, RoleName, ServerId, Term } from './types.js';

/** Something happened to this server's role, or to another's wish for a vote. */
export type TraceEvent = VoteTrace | CampaignTrace | ElectionWonTrace | ElectionLostTrace | StepDownTrace;

/** Another server asked for a vote or a pre-vote, and got this answer. */
export interface VoteTrace {
  readonly type: 'vote asked for';
  readonly phase: ElectionPhase;
  readonly candidate: ServerId;
  /** The term that the candidate campaigns in. */
  readonly term: Term;
  /** This server's own term when it was asked. */
  readonly currentTerm: Term;
  /** Where both logs end: the candidate's has to be at least as up-to-date (§5.4.1). */
  readonly candidateLog: LogPosition;
  readonly ownLog: LogPosition;
  /** Why it was refused; undefined when it was granted. */
  readonly refusal: VoteRefusal | undefined;
}

export type ElectionPhase = 'pre-vote' | 'vote';

export type VoteRefusal =
  /** The candidate's term is not later than this server's, or is earlier for a vote (§5.1). */
  | { readonly reason: 'old term' }
  /** One vote a term (§5.2). */
  | { readonly reason: 'already voted'; readonly votedFor: ServerId }
  /** The candidate lacks entries that this server has (§5.4.1). */
  | { readonly reason: 'log behind' }
  /** A leader is alive, or may be just after a restart (thesis 4.2.3). A request in a later term is not answered. */
  | { readonly reason: 'vote lease'; readonly leader: ServerId | undefined; readonly remainingMs: number };

/** This server campaigns. */
export interface CampaignTrace {
  readonly type: 'election begun';
  readonly phase: ElectionPhase;
  readonly term: Term;
  readonly ownLog: LogPosition;
  readonly cause: CampaignCause;
}

export type CampaignCause =
  /** No leader was heard for an election timeout, or a leader's successor is wanted. */
  | 'election timeout'
  | 'pre-vote won'
  /** First in line after the current term's leader, which has ended. */
  | 'first successor'
  /** The leader asked (TimeoutNow, thesis 3.10). */
  | 'asked to take over';

export interface ElectionWonTrace {
  readonly type: 'election won';
  readonly term: Term;
  readonly votes: readonly ServerId[];
}

export interface ElectionLostTrace {
  readonly type: 'election lost';
  readonly phase: ElectionPhase;
  readonly term: Term;
  readonly refusedBy: readonly ServerId[];
}

/** This server was leader, candidate or pre-candidate, and became a follower. */
export interface StepDownTrace {
  readonly type: 'stepped down';
  readonly role: Exclude<RoleName, 'follower'>;
  /** The term in which it had that role. */
  readonly term: Term;
  readonly reason: StepDownReason;
}

export type StepDownReason =
  /** Check-quorum (thesis 6.2): no majority was heard for this long. */
  | { readonly type: 'no answers from a majority'; readonly silentMs: number }
  /** Another server is in a later term. */
  | { readonly type: 'later term'; readonly term: Term; readonly of: ServerId }
  /** The same of the server that this leader asked to take over (thesis 3.10). */
  | { readonly type: 'handed over'; readonly term: Term; readonly to: ServerId }
  /** The term has a leader, so it cannot be won any more (§5.2). */
  | { readonly type: 'leader heard'; readonly leader: ServerId }
  | { readonly type: 'voted for'; readonly candidate: ServerId }
  | { readonly type: 'election lost' }
  /** A configuration without it is committed; the successor was asked to take over (thesis 4.2.2). */
  | { readonly type: 'removed'; readonly successor: ServerId | undefined }
  /** It cannot win: its own vote must be on its disk, which has not answered for this long. */
  | { readonly type: 'own disk stalled'; readonly stalledMs: number }
  | { readonly type: 'leader ended'; readonly leader: ServerId };
