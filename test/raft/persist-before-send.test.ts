import { expect } from 'chai';
import { InvariantError } from '../../src/raft/assert.js';
import { NO_MEMBERS } from '../../src/raft/configuration.js';
import { LOG_ORIGIN, RaftLog } from '../../src/raft/log.js';
import { Persistence } from '../../src/raft/persist-before-send.js';
import type { HardState, SnapshotChunk } from '../../src/raft/types.js';
import { entries, requestVoteResponse, textOfLog } from '../support/raft/messages.js';

describe('persistence: what is on disk before what leaves', () => {
  const FRESH: HardState = { currentTerm: 1, votedFor: undefined };
  const VOTED: HardState = { currentTerm: 1, votedFor: 2 };
  /** A message is told from another by whom it is for. */
  const messageTo = (to: number) => requestVoteResponse({ to });

  function onDisk(text: string): { log: RaftLog; persistence: Persistence } {
    const log = new RaftLog(LOG_ORIGIN, entries(text));
    return { log, persistence: new Persistence(FRESH, log.lastIndex) };
  }

  function append(log: RaftLog, text: string): void {
    for (const entry of entries(text, { after: log.lastIndex })) log.append(entry);
  }

  function chunk(fields: Partial<SnapshotChunk>): SnapshotChunk {
    const snapshot = { index: 9, term: 1, byteLength: 4 };
    return { snapshot, offset: 0, data: new Uint8Array(4), last: true, keepsLog: false, ...fields };
  }

  it('asks for nothing when nothing changed', () => {
    const { log, persistence } = onDisk('1:a');
    expect(persistence.takeRequests(FRESH, log, 0)).to.deep.equal({ persist: [], free: [] });
  });

  it('asks for everything of a turn at once, and only once', () => {
    const { log, persistence } = onDisk('1:a');
    append(log, '1:b 1:c');
    const { persist } = persistence.takeRequests(VOTED, log, 0);
    expect(persist).to.have.length(1);
    expect(persist[0]).to.include({ sequence: 1, hardState: VOTED });
    expect(textOfLog(persist[0]?.entries ?? [])).to.equal('1:b 1:c');
    expect(persistence.takeRequests(VOTED, log, 0).persist).to.deep.equal([]);
  });

  it('counts as durable what was reported, not what was asked for', () => {
    const { log, persistence } = onDisk('1:a');
    append(log, '1:b');
    persistence.takeRequests(VOTED, log, 0);
    expect(persistence).to.include({ durableIndex: 1, durableHardState: FRESH });
    persistence.persisted(1, 0);
    expect(persistence).to.include({ durableIndex: 2, durableHardState: VOTED });
  });

  describe('holding messages', () => {
    it('lets them go at once when all is on disk', () => {
      const { log, persistence } = onDisk('1:a');
      persistence.hold(messageTo(1));
      expect(persistence.takeRequests(FRESH, log, 0).free).to.deep.equal([messageTo(1)]);
    });

    it('keeps them until what happened before them is on disk', () => {
      const { log, persistence } = onDisk('1:a');
      append(log, '1:b');
      persistence.hold(messageTo(1));
      expect(persistence.takeRequests(FRESH, log, 0).free).to.deep.equal([]);
      expect(persistence.persisted(1, 0).released).to.deep.equal([messageTo(1)]);
    });

    it('keeps them for a write of an earlier turn, too', () => {
      const { log, persistence } = onDisk('1:a');
      append(log, '1:b');
      persistence.takeRequests(FRESH, log, 0);
      persistence.hold(messageTo(1));
      expect(persistence.takeRequests(FRESH, log, 0).free).to.deep.equal([]);
      expect(persistence.persisted(1, 0).released).to.deep.equal([messageTo(1)]);
    });

    it('lets go of each with its own write, when several are in flight', () => {
      const { log, persistence } = onDisk('');
      for (const to of [1, 2, 3]) {
        append(log, '1:x');
        persistence.hold(messageTo(to));
        persistence.takeRequests(FRESH, log, 0);
      }
      expect(persistence.persisted(1, 0).released).to.deep.equal([messageTo(1)]);
      expect(persistence.durableIndex).to.equal(1);
      expect(persistence.persisted(3, 0).released).to.deep.equal([messageTo(2), messageTo(3)]);
      expect(persistence.durableIndex).to.equal(3);
    });

    it('lets go of none twice', () => {
      const { log, persistence } = onDisk('');
      append(log, '1:x');
      persistence.hold(messageTo(1));
      persistence.takeRequests(FRESH, log, 0);
      persistence.persisted(1, 0);
      expect(persistence.persisted(1, 0).released).to.deep.equal([]);
    });

    it('refuses a report of what was never asked for', () => {
      expect(() => onDisk('').persistence.persisted(1, 0)).to.throw(InvariantError);
    });
  });

  describe('truncation', () => {
    /** Replaces the log from `index` on, as a follower does with entries that conflict. */
    function replace(log: RaftLog, persistence: Persistence, index: number, text: string): void {
      log.truncateFrom(index);
      persistence.truncated(index);
      append(log, text);
    }

    it('takes back what was durable, until its replacement is', () => {
      const { log, persistence } = onDisk('1:a 1:b 1:c');
      replace(log, persistence, 2, '2:x');
      expect(persistence.durableIndex).to.equal(1);
      const { persist } = persistence.takeRequests(FRESH, log, 0);
      expect(textOfLog(persist[0]?.entries ?? [])).to.equal('2:x');
      persistence.persisted(1, 0);
      expect(persistence.durableIndex).to.equal(2);
    });

    it('while a write is in flight: that write counts up to the conflict only', () => {
      const { log, persistence } = onDisk('1:a');
      append(log, '1:b 1:c 1:d');
      persistence.takeRequests(FRESH, log, 0);
      replace(log, persistence, 3, '2:x 2:y 2:z');
      persistence.takeRequests(FRESH, log, 0);

      persistence.persisted(1, 0);
      expect(persistence.durableIndex, 'entry 2 is, entry 3 on disk is the wrong one').to.equal(2);
      persistence.persisted(2, 0);
      expect(persistence.durableIndex).to.equal(5);
    });

    it('twice while writes are in flight', () => {
      const { log, persistence } = onDisk('');
      append(log, '1:a 1:b 1:c');
      persistence.takeRequests(FRESH, log, 0);
      replace(log, persistence, 2, '2:b 2:c 2:d');
      persistence.takeRequests(FRESH, log, 0);
      replace(log, persistence, 3, '3:c');
      const { persist } = persistence.takeRequests(FRESH, log, 0);
      expect(textOfLog(persist[0]?.entries ?? [])).to.equal('3:c');

      const durable = [1, 2, 3].map((sequence) => {
        persistence.persisted(sequence, 0);
        return persistence.durableIndex;
      });
      expect(durable).to.deep.equal([1, 2, 3]);
    });
  });

  describe('snapshots', () => {
    it('are written chunk by chunk, in order, and told as installed with the last', () => {
      const { log, persistence } = onDisk('');
      const chunks = [chunk({ last: false }), chunk({ offset: 4 })];
      for (const each of chunks) persistence.chunk(each);
      const { persist } = persistence.takeRequests(FRESH, log, 0);
      expect(persist.map(({ snapshotChunk }) => snapshotChunk)).to.deep.equal(chunks);
      expect(persistence.persisted(1, 0).installed).to.deep.equal([]);
      expect(persistence.persisted(2, 0).installed).to.deep.equal([chunks[1]]);
    });

    it('are written after the entries of the same turn', () => {
      const { log, persistence } = onDisk('');
      persistence.chunk(chunk({}));
      append(log, '1:a');
      const { persist } = persistence.takeRequests(VOTED, log, 0);
      expect(persist.map(({ entries: written }) => textOfLog(written))).to.deep.equal(['1:a', '']);
    });

    it('hold messages back until the last chunk is written', () => {
      const { log, persistence } = onDisk('');
      persistence.chunk(chunk({}));
      append(log, '1:a');
      persistence.hold(messageTo(1));
      persistence.takeRequests(FRESH, log, 0);
      expect(persistence.persisted(1, 0).released).to.deep.equal([]);
      expect(persistence.persisted(2, 0).released).to.deep.equal([messageTo(1)]);
    });

    it('that replace the log are all that is durable', () => {
      const { log, persistence } = onDisk('1:a 1:b 1:c');
      log.resetTo({ index: 2, term: 2 }, NO_MEMBERS);
      persistence.installed(2, { keepsLog: false });
      expect(persistence.durableIndex).to.equal(2);
      append(log, '2:d');
      const { persist } = persistence.takeRequests(FRESH, log, 0);
      expect(textOfLog(persist[0]?.entries ?? [])).to.equal('2:d');
    });

    it('that keep the log leave durable what was', () => {
      const { log, persistence } = onDisk('1:a 1:b 1:c');
      log.compactTo(2);
      persistence.installed(2, { keepsLog: true });
      expect(persistence.durableIndex).to.equal(3);
    });

    it('that reach further than the log on disk move its end', () => {
      const { log, persistence } = onDisk('1:a');
      append(log, '1:b 1:c');
      persistence.takeRequests(FRESH, log, 0);
      log.compactTo(2);
      persistence.installed(2, { keepsLog: true });
      expect(persistence.durableIndex).to.equal(2);
      persistence.persisted(1, 0);
      expect(persistence.durableIndex).to.equal(3);
    });
  });
});
