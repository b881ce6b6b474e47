import { expect } from 'chai';
import { appendSent, Progress } from '../../src/raft/progress.js';

describe('progress: what a leader knows of a follower', () => {
  const NOW_MS = 1000;
  const snapshot = { index: 20, term: 1, byteLength: 100 };

  function probing(nextIndex: number): Progress {
    const progress = new Progress(nextIndex, NOW_MS);
    progress.probe(nextIndex);
    return progress;
  }

  /** In sync up to `matchIndex`, with messages in flight that end at these entries, of 10 bytes each. */
  function replicating(matchIndex: number, ...inflight: readonly number[]): Progress {
    const progress = probing(matchIndex + 1);
    progress.accepted(matchIndex);
    for (const lastIndex of inflight) {
      if (progress.state.name === 'replicate') appendSent(progress.state, lastIndex, 10);
    }
    return progress;
  }

  function sendingSnapshot(): Progress {
    const progress = probing(5);
    progress.sendSnapshot(snapshot, NOW_MS);
    return progress;
  }

  it('starts with the guess that the logs agree, and with the benefit of a full timeout', () => {
    const progress = new Progress(11, NOW_MS);
    expect(progress.state).to.deep.equal({
      name: 'replicate',
      nextIndex: 11,
      inflight: [],
      inflightBytes: 0,
      readId: undefined,
    });
    expect(progress).to.include({ matchIndex: 0, answeredRound: 0, lastHeardMs: NOW_MS });
    expect(progress.answeredSentAtMs, 'which grants no lease').to.equal(Number.NEGATIVE_INFINITY);
  });

  it('keeps the newest round and the newest lease that were answered', () => {
    const progress = probing(1);
    progress.heard({ round: 5, sentAtMs: 1050 }, 1060);
    progress.heard({ round: 4, sentAtMs: 1040 }, 1070);
    expect(progress).to.include({ answeredRound: 5, answeredSentAtMs: 1050, lastHeardMs: 1070 });
  });

  describe('probe', () => {
    it('waits for the answer to what it sent', () => {
      const progress = probing(11);
      progress.probeSent();
      expect(progress.state).to.deep.equal({ name: 'probe', nextIndex: 11, awaitsAnswer: true });
    });

    it('→ replicate, when an answer says where the logs agree', () => {
      const progress = probing(11);
      progress.accepted(10);
      expect(progress.matchIndex).to.equal(10);
      expect(progress.state).to.deep.equal({
        name: 'replicate',
        nextIndex: 11,
        inflight: [],
        inflightBytes: 0,
        readId: undefined,
      });
    });

    it('→ replicate from where it probed, when the follower’s disk is behind its memory', () => {
      const progress = probing(11);
      progress.accepted(7);
      expect(progress.matchIndex).to.equal(7);
      expect(progress.state).to.include({ name: 'replicate', nextIndex: 11 });
    });

    it('→ probe further back, when it is rejected', () => {
      const progress = probing(11);
      progress.probeSent();
      progress.rejected(10, 6);
      expect(progress.state).to.deep.equal({ name: 'probe', nextIndex: 6, awaitsAnswer: false });
    });

    it('goes back by at least one, whatever the hint', () => {
      const progress = probing(11);
      progress.rejected(10, 99);
      expect(progress.state).to.include({ nextIndex: 10 });
    });

    it('ignores a rejection of an earlier probe', () => {
      const progress = probing(11);
      progress.rejected(10, 6);
      progress.probeSent();
      progress.rejected(10, 3);
      expect(progress.state).to.deep.equal({ name: 'probe', nextIndex: 6, awaitsAnswer: true });
    });

    it('→ snapshot', () => {
      expect(sendingSnapshot().state).to.deep.equal({
        name: 'snapshot',
        snapshot,
        receivedBytes: 0,
        sentBytes: 0,
        lastGrowthMs: NOW_MS,
        read: undefined,
      });
    });
  });

  describe('replicate', () => {
    it('counts what is in flight', () => {
      expect(replicating(10, 12, 15).state).to.deep.equal({
        name: 'replicate',
        nextIndex: 16,
        inflight: [
          { lastIndex: 12, byteCount: 10 },
          { lastIndex: 15, byteCount: 10 },
        ],
        inflightBytes: 20,
        readId: undefined,
      });
    });

    it('frees what is answered, and no message of which a part is missing', () => {
      const progress = replicating(10, 12, 15, 18);
      progress.accepted(16);
      expect(progress.state).to.deep.include({
        inflight: [{ lastIndex: 18, byteCount: 10 }],
        inflightBytes: 10,
        readId: undefined,
        nextIndex: 19,
      });
    });

    it('never takes back what is matched', () => {
      const progress = replicating(10, 12);
      progress.accepted(12);
      progress.accepted(11);
      expect(progress.matchIndex).to.equal(12);
    });

    it('skips what the follower turns out to have', () => {
      const progress = replicating(10);
      progress.accepted(14);
      expect(progress.state).to.include({ nextIndex: 15 });
    });

    it('→ probe, when something on the way was lost', () => {
      const progress = replicating(10, 12, 15);
      progress.rejected(15, 11);
      expect(progress.state).to.deep.equal({ name: 'probe', nextIndex: 11, awaitsAnswer: false });
    });

    it('→ probe, but never at what is matched', () => {
      const progress = replicating(10, 12);
      progress.rejected(12, 4);
      expect(progress.state).to.include({ name: 'probe', nextIndex: 11 });
    });

    it('ignores a rejection of what was matched since', () => {
      const progress = replicating(10, 12);
      progress.rejected(9, 3);
      expect(progress.state).to.include({ name: 'replicate', nextIndex: 13 });
    });

    it('→ snapshot', () => {
      const progress = replicating(10, 12);
      progress.sendSnapshot(snapshot, NOW_MS);
      expect(progress.state.name).to.equal('snapshot');
      expect(progress.matchIndex).to.equal(10);
    });
  });

  describe('snapshot', () => {
    it('→ replicate after it, once it is installed', () => {
      const progress = sendingSnapshot();
      progress.accepted(20);
      expect(progress.state).to.include({ name: 'replicate', nextIndex: 21 });
      expect(progress.matchIndex).to.equal(20);
    });

    it('→ replicate, when the follower turns out to have more', () => {
      const progress = sendingSnapshot();
      progress.accepted(25);
      expect(progress.state).to.include({ name: 'replicate', nextIndex: 26 });
    });

    it('stays, when an answer tells less', () => {
      const progress = sendingSnapshot();
      progress.accepted(19);
      expect(progress.state.name).to.equal('snapshot');
      expect(progress.matchIndex).to.equal(19);
    });

    it('stays, when an answer to an earlier request is a rejection', () => {
      const progress = sendingSnapshot();
      progress.rejected(4, 1);
      expect(progress.state.name).to.equal('snapshot');
    });

    it('→ snapshot from its beginning, when there is a newer one', () => {
      const progress = sendingSnapshot();
      progress.sendSnapshot({ ...snapshot, index: 30 }, NOW_MS + 5);
      expect(progress.state).to.deep.include({ receivedBytes: 0, sentBytes: 0, lastGrowthMs: NOW_MS + 5 });
    });
  });

  it('→ probe where agreement is possible, when a new leader’s guess is wrong', () => {
    const progress = new Progress(11, NOW_MS);
    progress.rejected(10, 4);
    expect(progress.state).to.deep.equal({ name: 'probe', nextIndex: 4, awaitsAnswer: false });
  });

  it('any state → probe from the end, when the link is new', () => {
    for (const progress of [probing(11), replicating(10, 12), sendingSnapshot()]) {
      progress.restart(31);
      expect(progress.state).to.deep.equal({ name: 'probe', nextIndex: 31, awaitsAnswer: false });
      expect(progress.matchIndex, 'to be told anew').to.equal(0);
    }
  });
});
