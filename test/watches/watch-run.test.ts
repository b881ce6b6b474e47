import { expect } from 'chai';
import { runWatches } from '../../tools/watches/watch-run.js';

describe('watchers through failovers, restarts and snapshots', () => {
  it('are told each change once and in order, and come to the state that reads tell', async () => {
    const report = await runWatches({ seed: 1, watchers: 8, failovers: 4, begins: 60 });
    expect(report.findings).to.deep.equal([]);
    expect(report.failovers).to.equal(4);
    expect(report.changes).to.be.at.least(100);
  });
});
