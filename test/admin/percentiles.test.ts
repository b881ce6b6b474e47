import { expect } from 'chai';
import { percentilesMs } from '../../src/admin/live/percentiles.js';
import { DurationHistogram } from '../../src/server/histogram.js';
import { DURATION_BOUNDS_S } from '../../src/wire/measurements.js';

function counts(...durationsMs: readonly number[]) {
  const histogram = new DurationHistogram();
  for (const durationMs of durationsMs) histogram.observeMs(durationMs);
  return histogram.read();
}

describe('percentiles of what a histogram counted', () => {
  it('are none when nothing was counted', () => {
    expect(percentilesMs(undefined, counts())).to.equal(null);
    expect(percentilesMs(counts(1, 2), counts(1, 2))).to.equal(null);
  });

  it('lie in the bucket of the duration of that rank', () => {
    const found = percentilesMs(
      undefined,
      counts(...Array.from({ length: 100 }, (_, one) => (one < 98 ? 0.3 : 8))),
    );
    expect(found?.p50).to.be.within(0.2, 0.5);
    expect(found?.p99).to.be.within(5, 10);
  });

  it('are spread evenly over a bucket', () => {
    const found = percentilesMs(undefined, counts(...Array.from({ length: 1000 }, () => 1.5)));
    expect(found?.p50).to.be.closeTo(1.5, 0.01);
    expect(found?.p99).to.be.closeTo(1.99, 0.01);
  });

  it('take no account of what was counted before', () => {
    const found = percentilesMs(counts(1000, 1000, 1000), counts(1000, 1000, 1000, 0.01));
    expect(found?.p99).to.be.at.most(0.05);
  });

  it('are at the last bound for what is beyond it', () => {
    const lastMs = (DURATION_BOUNDS_S.at(-1) ?? 0) * 1000;
    expect(percentilesMs(undefined, counts(60_000))).to.deep.equal({ p50: lastMs, p99: lastMs });
  });
});
