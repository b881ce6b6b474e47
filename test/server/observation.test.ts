import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import type { AppendEntries, Message, RequestVoteResponse } from '../../src/raft/types.js';
import { MessageSampler } from '../../src/server/observation.js';

const ARRIVES = { isLost: false, delayMs: 0 };

function append(to: number, ...payloadBytes: readonly number[]): AppendEntries {
  return {
    type: 'AppendEntries',
    from: 0,
    to,
    term: 3,
    prevLogIndex: 0,
    prevLogTerm: 0,
    entries: payloadBytes.map((byteCount, offset) => ({
      index: offset + 1,
      term: 3,
      payload: new Uint8Array(byteCount),
    })),
    leaderCommit: 0,
    echo: { round: 1, sentAtMs: 0 },
  };
}

describe('MessageSampler', () => {
  it('is active only for a while after somebody asked', () => {
    let nowMs = 0;
    const sampler = new MessageSampler({ ...NODE_ENVIRONMENT, nowMs: () => nowMs });
    expect(sampler.isActive).to.equal(false);
    sampler.take();
    expect(sampler.isActive).to.equal(true);
    nowMs += 60_000;
    expect(sampler.isActive).to.equal(false);
  });

  it('shows what was sent since it was asked last', () => {
    const sampler = new MessageSampler(NODE_ENVIRONMENT);
    const vote: RequestVoteResponse = {
      type: 'RequestVoteResponse',
      from: 0,
      to: 2,
      term: 4,
      voteGranted: true,
    };
    sampler.note([append(1, 10, 20), vote], { isLost: true, delayMs: 5 });
    const [sent, answered, ...more] = sampler.take();
    expect(sent).to.include({ type: 'AppendEntries', from: 0, to: 1, term: 3, entries: 2, byteLength: 30 });
    expect(sent).to.include({ isLost: true, delayMs: 5, isGranted: undefined });
    expect(answered).to.include({ type: 'RequestVoteResponse', to: 2, isGranted: true });
    expect(more).to.deep.equal([]);
    expect(sampler.take()).to.deep.equal([]);
  });

  it('keeps a few messages of a kind, the last of which stands for all that follow', () => {
    const sampler = new MessageSampler(NODE_ENVIRONMENT);
    const burst = Array.from({ length: 1000 }, (): Message => append(1, 100));
    sampler.note(burst, ARRIVES);
    const sample = sampler.take();
    expect(sample.length).to.be.within(2, 5);
    expect(sample.reduce((sum, { count }) => sum + count, 0)).to.equal(1000);
    expect(sample.reduce((sum, { entries }) => sum + entries, 0)).to.equal(1000);
    expect(sample.reduce((sum, { byteLength }) => sum + byteLength, 0)).to.equal(100_000);
  });

  it('lets no kind of message hide another, nor what is lost what arrives', () => {
    const sampler = new MessageSampler(NODE_ENVIRONMENT);
    sampler.note(
      Array.from({ length: 100 }, () => append(1, 100)),
      ARRIVES,
    );
    sampler.note([append(1), append(2)], ARRIVES);
    sampler.note([append(1)], { isLost: true, delayMs: 0 });
    const sample = sampler.take();
    expect(sample.filter(({ to, entries }) => to === 1 && entries === 0)).to.have.lengthOf(2);
    expect(sample.filter(({ to }) => to === 2)).to.have.lengthOf(1);
    expect(sample.filter(({ isLost }) => isLost)).to.have.lengthOf(1);
  });
});
