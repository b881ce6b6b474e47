/**
 * What the core tells of its elections: enough to understand a refused vote, or a leader that steps down, from its log.
 */

import { expect } from 'chai';
import type { TraceEvent } from '../../src/raft/trace.js';
import type { Message } from '../../src/raft/types.js';
import { Group } from '../support/raft/group.js';
import { preVote, requestVote } from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS } from '../support/raft/server.js';

describe('the trace of elections', () => {
  /** What a server tells while `action` runs. */
  function traced(group: Group, id: number, action: () => void): readonly TraceEvent[] {
    const { traces } = group.server(id);
    traces.length = 0;
    action();
    return traces;
  }

  function receive(group: Group, ...messages: readonly Message[]): void {
    group.inject(...messages);
    group.deliverAll();
  }

  const LOG = { index: 0, term: 0 };

  it('tells of an election that is won', () => {
    const group = Group.of(3);
    expect(traced(group, 0, () => group.win(0))).to.deep.equal([
      { type: 'election begun', phase: 'pre-vote', term: 1, ownLog: LOG, cause: 'election timeout' },
      { type: 'election begun', phase: 'vote', term: 1, ownLog: LOG, cause: 'pre-vote won' },
      { type: 'election won', term: 1, votes: [0, 1] },
    ]);
  });

  it('tells of a vote and a pre-vote that are granted', () => {
    const group = Group.of(3);
    const asked = { type: 'vote asked for', candidate: 0, term: 1, currentTerm: 0 } as const;
    const logs = { candidateLog: LOG, ownLog: LOG, refusal: undefined };
    expect(traced(group, 1, () => group.win(0))).to.deep.equal([
      { ...asked, phase: 'pre-vote', ...logs },
      { ...asked, phase: 'vote', currentTerm: 1, ...logs },
    ]);
  });

  const ended = { leaseIsOver: true };
  const refusals: readonly {
    readonly why: string;
    readonly ask: (group: Group) => void;
    readonly refusal: object;
  }[] = [
    {
      why: 'has voted for another one',
      ask: (group) =>
        receive(
          group,
          requestVote({ from: 0, to: 1, term: 7, lastLogIndex: 9, lastLogTerm: 6, ...ended }),
          requestVote({ from: 2, to: 1, term: 7, lastLogIndex: 9, lastLogTerm: 6, ...ended }),
        ),
      refusal: { reason: 'already voted', votedFor: 0 },
    },
    {
      why: 'has a later log',
      ask: (group) => receive(group, requestVote({ from: 2, to: 1, term: 7, ...ended })),
      refusal: { reason: 'log behind' },
    },
    {
      why: 'is in a later term',
      ask: (group) => receive(group, requestVote({ from: 2, to: 1, term: 0 })),
      refusal: { reason: 'old term' },
    },
    {
      why: 'hears a leader',
      ask: (group) => receive(group, requestVote({ from: 2, to: 1, term: 7 })),
      refusal: { reason: 'vote lease', leader: 0, remainingMs: ELECTION_TIMEOUT_MS },
    },
    {
      why: 'hears a leader, of a pre-vote',
      ask: (group) => receive(group, preVote({ from: 2, to: 1, term: 7 })),
      refusal: { reason: 'vote lease', leader: 0, remainingMs: ELECTION_TIMEOUT_MS },
    },
  ];

  for (const { why, ask, refusal } of refusals) {
    it(`tells that a vote was refused because the server ${why}`, () => {
      const group = Group.of(3);
      group.elect(0);
      const [event] = traced(group, 1, () => ask(group)).slice(-1);
      expect(event).to.deep.include({ type: 'vote asked for', ownLog: { index: 1, term: 1 }, refusal });
    });
  }

  it('tells of an election that is lost, and to whom', () => {
    const group = Group.withLogs(['', '1:a', '1:a']);
    const events = traced(group, 0, () => {
      expect(() => group.win(0)).to.throw('not elected');
    });
    expect(events).to.deep.include({
      type: 'election lost',
      phase: 'pre-vote',
      term: 2,
      refusedBy: [1, 2],
    });
  });

  it('tells that a leader stepped down because no majority answered', () => {
    const group = Group.of(3);
    group.elect(0);
    const events = traced(group, 0, () => {
      group.isolate(0);
      group.advance(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
    });
    expect(events[0]).to.deep.equal({
      type: 'stepped down',
      role: 'leader',
      term: 1,
      reason: { type: 'no answers from a majority', silentMs: ELECTION_TIMEOUT_MS },
    });
  });

  it('tells that a leader stepped down for a later term, and whose', () => {
    const group = Group.of(3);
    group.elect(0);
    group.isolate(0);
    group.elect(1);
    const events = traced(group, 0, () => {
      group.heal();
      group.propose(0, 'too late');
      group.deliverAll();
    });
    const [event] = events;
    expect(event).to.deep.include({ type: 'stepped down', role: 'leader', term: 1 });
    expect(event).to.have.property('reason').that.deep.equals({ type: 'later term', term: 2, of: 1 });
  });

  it('tells that a leader handed over, and to whom', () => {
    const group = Group.of(3);
    group.elect(0);
    const events = traced(group, 0, () => {
      group.transfer(0, 2);
      group.deliverAll();
    });
    expect(events[0]).to.deep.equal({
      type: 'stepped down',
      role: 'leader',
      term: 1,
      reason: { type: 'handed over', term: 2, to: 2 },
    });
  });
});
