import { expect } from 'chai';
import { electionLineOf, stepDownText } from '../../src/cluster/election-log.js';
import type { StepDownReason, VoteRefusal, VoteTrace } from '../../src/raft/trace.js';

const ASKED: VoteTrace = {
  type: 'vote asked for',
  phase: 'vote',
  candidate: 2,
  term: 5,
  currentTerm: 4,
  candidateLog: { index: 7, term: 3 },
  ownLog: { index: 6, term: 4 },
  refusal: undefined,
};

describe('the log of elections', () => {
  it('tells who got a vote, and where both logs end', () => {
    const { type: _, phase: __, refusal: ___, ...facts } = ASKED;
    const { message, facts: told } = electionLineOf(ASKED);
    expect(message).to.equal('vote granted');
    expect(told).to.deep.equal(facts);
  });

  it('tells why a vote was refused', () => {
    const cases: readonly (readonly [VoteRefusal, string])[] = [
      [{ reason: 'old term' }, 'its term is not later than this server’s'],
      [{ reason: 'already voted', votedFor: 1 }, 'voted for server 1 in this term'],
      [{ reason: 'log behind' }, 'its log lacks entries that this server has'],
      [{ reason: 'vote lease', leader: 0, remainingMs: 119.2 }, 'server 0 may lead for another 120 ms'],
      [{ reason: 'vote lease', leader: undefined, remainingMs: 5 }, 'a leader may lead for another 5 ms'],
    ];
    for (const [refusal, reason] of cases) {
      const { message, facts } = electionLineOf({ ...ASKED, phase: 'pre-vote', refusal });
      expect(message).to.equal('pre-vote refused');
      expect(facts).to.deep.include({ reason, ownLog: ASKED.ownLog, candidateLog: ASKED.candidateLog });
    }
  });

  it('tells why a leader stepped down', () => {
    const cases: readonly (readonly [StepDownReason, string])[] = [
      [{ type: 'no answers from a majority', silentMs: 300.4 }, 'no majority has answered for 300 ms'],
      [{ type: 'later term', term: 6, of: 1 }, 'server 1 is in term 6'],
      [{ type: 'handed over', term: 6, to: 1 }, 'server 1 took over in term 6'],
    ];
    for (const [reason, text] of cases) {
      expect(stepDownText(reason)).to.equal(text);
      const { message, facts } = electionLineOf({ type: 'stepped down', role: 'leader', term: 5, reason });
      expect(message).to.equal('became a follower');
      expect(facts).to.deep.equal({ role: 'leader', term: 5, reason: text });
    }
  });

  it('tells how a campaign went', () => {
    const ownLog = { index: 7, term: 3 };
    const lines = [
      electionLineOf({ type: 'election begun', phase: 'vote', term: 5, ownLog, cause: 'pre-vote won' }),
      electionLineOf({ type: 'election lost', phase: 'pre-vote', term: 5, refusedBy: [0, 1] }),
      electionLineOf({ type: 'election won', term: 5, votes: [2, 0] }),
    ];
    expect(lines).to.deep.equal([
      { message: 'asks for votes', facts: { term: 5, ownLog, cause: 'pre-vote won' } },
      { message: 'pre-votes lost', facts: { term: 5, refusedBy: [0, 1] } },
      { message: 'election won', facts: { term: 5, votes: [2, 0] } },
    ]);
  });
});
