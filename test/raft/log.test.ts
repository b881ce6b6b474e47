import { expect } from 'chai';
import { InvariantError } from '../../src/raft/assert.js';
import { NO_MEMBERS } from '../../src/raft/configuration.js';
import { LOG_ORIGIN, RaftLog } from '../../src/raft/log.js';
import { entries, textOfLog } from '../support/raft/messages.js';

describe('log: the entries in memory', () => {
  const logOf = (text: string) => new RaftLog(LOG_ORIGIN, entries(text));

  /** Entries 1 to 4 are compacted, the last of them of term 2. */
  const compacted = () => new RaftLog({ index: 4, term: 2 }, entries('2:e 3:f 3:g', { after: 4 }));

  it('begins and ends at 0 while it is empty', () => {
    const log = logOf('');
    expect(log.last).to.deep.equal({ index: 0, term: 0 });
    expect(log.termAt(0)).to.equal(0);
    expect(log.termAt(1)).to.equal(undefined);
    expect(log.slice(1)).to.deep.equal([]);
  });

  it('knows the terms from its start to its end, and no others', () => {
    const log = compacted();
    expect([3, 4, 5, 6, 7, 8].map((index) => log.termAt(index))).to.deep.equal([
      undefined,
      2,
      2,
      3,
      3,
      undefined,
    ]);
    expect(log.has({ index: 4, term: 2 })).to.equal(true);
    expect(log.has({ index: 5, term: 3 })).to.equal(false);
  });

  it('takes the next entry only, and no earlier term', () => {
    const log = logOf('1:a 3:b');
    expect(() => log.append({ index: 4, term: 3, payload: new Uint8Array() })).to.throw(InvariantError);
    expect(() => log.append({ index: 3, term: 2, payload: new Uint8Array() })).to.throw(InvariantError);
    log.append({ index: 3, term: 3, payload: new Uint8Array() });
    expect(log.last).to.deep.equal({ index: 3, term: 3 });
  });

  it('compares logs by the last term, then by length', () => {
    const log = logOf('1:a 2:b');
    expect(log.isUpToDate({ index: 2, term: 2 })).to.equal(true);
    expect(log.isUpToDate({ index: 1, term: 2 })).to.equal(false);
    expect(log.isUpToDate({ index: 1, term: 3 })).to.equal(true);
    expect(log.isUpToDate({ index: 9, term: 1 })).to.equal(false);
  });

  it('gives entries from one index to another, clipped at its end', () => {
    expect(textOfLog(compacted().slice(6, 7))).to.equal('3:f 3:g');
    expect(textOfLog(compacted().slice(7, 99))).to.equal('3:g');
    expect(textOfLog(compacted().slice(8))).to.equal('');
    expect(() => compacted().slice(4)).to.throw(InvariantError);
  });

  it('gives as many entries as fit, and one at least', () => {
    const log = logOf('1:aa 1:bb 1:cc');
    expect(textOfLog(log.sliceBytes(1, 4))).to.equal('1:aa 1:bb');
    expect(textOfLog(log.sliceBytes(1, 5))).to.equal('1:aa 1:bb');
    expect(textOfLog(log.sliceBytes(2, 1))).to.equal('1:bb');
    expect(textOfLog(log.sliceBytes(4, 1))).to.equal('');
    expect(() => compacted().sliceBytes(4, 1)).to.throw(InvariantError);
  });

  it('removes an entry and all after it, but none that is compacted', () => {
    const log = compacted();
    log.truncateFrom(6);
    expect(log.last).to.deep.equal({ index: 5, term: 2 });
    log.truncateFrom(9);
    expect(log.lastIndex).to.equal(5);
    expect(() => log.truncateFrom(4)).to.throw(InvariantError);
  });

  it('forgets what a snapshot covers, and keeps the term at its start', () => {
    const log = compacted();
    log.compactTo(6);
    expect(log.start).to.deep.equal({ index: 6, term: 3 });
    expect(textOfLog(log.slice(7))).to.equal('3:g');
    log.compactTo(5);
    expect(log.start.index, 'never backwards').to.equal(6);
    log.compactTo(7);
    expect(log.last).to.deep.equal({ index: 7, term: 3 });
    expect(() => log.compactTo(8)).to.throw(InvariantError);
  });

  it('lets the oldest entries go when memory has too many, and still knows their terms', () => {
    const log = logOf('1:a 1:b 2:c 2:d 3:e');
    log.letGo(9, 1_000_000);
    expect(log.heldAfter, 'while they are few').to.equal(0);
    log.letGo(2, 1);
    expect(log.heldAfter, 'those that may go').to.equal(2);
    expect(() => log.slice(2)).to.throw(InvariantError);
    expect(textOfLog(log.held(1, 4))).to.equal('2:c 2:d');
    expect([0, 1, 2, 3].map((index) => log.termAt(index))).to.deep.equal([0, 1, 1, 2]);
    log.letGo(9, 1);
    expect(textOfLog(log.held(1, 9))).to.equal('');
    log.append({ index: 6, term: 3, payload: new Uint8Array() });
    expect(textOfLog(log.slice(6))).to.equal('3:-');
  });

  it('truncates and compacts what is in memory and what is not', () => {
    const log = logOf('1:a 1:b 2:c 2:d 3:e');
    log.letGo(3, 1);
    expect(() => log.truncateFrom(3)).to.throw(InvariantError);
    log.truncateFrom(5);
    expect(log.last).to.deep.equal({ index: 4, term: 2 });
    log.compactTo(2);
    expect([1, 2, 3].map((index) => log.termAt(index))).to.deep.equal([undefined, 1, 2]);
    log.compactTo(4);
    expect(log.heldAfter).to.equal(4);
    expect(log.last).to.deep.equal({ index: 4, term: 2 });
  });

  it('is replaced by a snapshot', () => {
    const log = compacted();
    log.resetTo({ index: 20, term: 5 }, NO_MEMBERS);
    expect(log.start).to.deep.equal({ index: 20, term: 5 });
    expect(log.last).to.deep.equal({ index: 20, term: 5 });
  });
});
