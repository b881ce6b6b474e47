/** What `--log-level debug` tells about elections: who asked for a vote, and why it was granted or refused. */

import type { StepDownReason, TraceEvent, VoteRefusal } from '../raft/trace.js';

/** A line of the log: what is known, in fields with the names that all lines use, and what happened. */
export interface ElectionLine {
  readonly facts: object;
  readonly message: string;
}

export function electionLineOf(event: TraceEvent): ElectionLine {
  switch (event.type) {
    case 'vote asked for': {
      const { type: _, phase, refusal, ...facts } = event;
      return refusal === undefined
        ? { facts, message: `${phase} granted` }
        : { facts: { ...facts, reason: refusalText(refusal) }, message: `${phase} refused` };
    }
    case 'election begun': {
      const { type: _, phase, ...facts } = event;
      return { facts, message: `asks for ${phase}s` };
    }
    case 'election won': {
      const { type: _, ...facts } = event;
      return { facts, message: 'election won' };
    }
    case 'election lost': {
      const { type: _, phase, ...facts } = event;
      return { facts, message: `${phase}s lost` };
    }
    case 'stepped down': {
      const { type: _, role, term, reason } = event;
      return { facts: { role, term, reason: stepDownText(reason) }, message: 'became a follower' };
    }
  }
}

/** Why a server stopped being a leader or a candidate. */
export function stepDownText(reason: StepDownReason): string {
  switch (reason.type) {
    case 'no answers from a majority':
      return `no majority has answered for ${Math.round(reason.silentMs)} ms`;
    case 'later term':
      return `server ${reason.of} is in term ${reason.term}`;
    case 'handed over':
      return `server ${reason.to} took over in term ${reason.term}`;
    case 'leader heard':
      return `server ${reason.leader} leads`;
    case 'voted for':
      return `voted for server ${reason.candidate}`;
    case 'election lost':
      return 'a majority refused its vote';
    case 'removed':
      return reason.successor === undefined
        ? 'it was removed'
        : `it was removed, and server ${reason.successor} is to take over`;
    case 'own disk stalled':
      return `its disk has not answered for ${Math.round(reason.stalledMs)} ms`;
    case 'leader ended':
      return `the leader, server ${reason.leader}, has ended`;
  }
}

function refusalText(refusal: VoteRefusal): string {
  switch (refusal.reason) {
    case 'old term':
      return 'its term is not later than this server’s';
    case 'already voted':
      return `voted for server ${refusal.votedFor} in this term`;
    case 'log behind':
      return 'its log lacks entries that this server has';
    case 'vote lease': {
      const leader = refusal.leader === undefined ? 'a leader' : `server ${refusal.leader}`;
      return `${leader} may lead for another ${Math.ceil(refusal.remainingMs)} ms`;
    }
  }
}
