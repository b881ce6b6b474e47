import { expect } from 'chai';
import fc from 'fast-check';
import { conflictHint } from '../../src/raft/conflict-hint.js';
import { LOG_ORIGIN, RaftLog } from '../../src/raft/log.js';
import { entries } from '../support/raft/messages.js';

describe('the conflict hint', () => {
  const logOf = (text: string) => new RaftLog(LOG_ORIGIN, entries(text));

  it('finds where another log can agree at the latest', () => {
    const log = logOf('1:a 1:b 3:c 3:d 5:e');
    // Entries 1 to 4 are compacted, the last of them of term 2.
    const compacted = new RaftLog({ index: 4, term: 2 }, entries('2:e 3:f 3:g', { after: 4 }));
    expect(conflictHint(log, { index: 9, term: 9 })).to.deep.equal({ index: 5, term: 5 });
    expect(conflictHint(log, { index: 5, term: 4 })).to.deep.equal({ index: 4, term: 3 });
    expect(conflictHint(log, { index: 4, term: 2 })).to.deep.equal({ index: 2, term: 1 });
    expect(conflictHint(log, { index: 4, term: 0 })).to.deep.equal(LOG_ORIGIN);
    expect(conflictHint(compacted, { index: 6, term: 1 })).to.deep.equal({ index: 4, term: 2 });
  });

  it('never skips an entry that two logs share', () => {
    // Terms that never decrease; logs agree up to where their terms first differ.
    const terms = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 12 }).map((all) => all.sort());
    const shared = (a: readonly number[], b: readonly number[]) => {
      const difference = a.findIndex((term, at) => term !== b[at]);
      return difference === -1 ? a.length : difference;
    };
    fc.assert(
      fc.property(terms, terms, (ours, theirs) => {
        const log = logOf(ours.map((term) => `${term}:x`).join(' '));
        const position = { index: theirs.length, term: theirs.at(-1) ?? 0 };
        expect(conflictHint(log, position).index).to.be.at.least(shared(ours, theirs));
      }),
    );
  });
});
