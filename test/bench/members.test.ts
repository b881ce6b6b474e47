import { expect } from 'chai';
import { SteadyWriters } from '../../tools/bench/members/steady-writers.js';
import { eventually, TestCluster } from '../support/cluster.js';

describe('The clients of the members benchmark', () => {
  let test: TestCluster;
  let writers: SteadyWriters;

  beforeEach(async () => {
    test = await TestCluster.start({ servers: 1 });
    writers = await SteadyWriters.start(test.cluster.options.routerPort ?? 0, 4);
    await eventually('they write', () => writers.acknowledged > 100);
  });

  afterEach(() => test.close());

  it('find what they were told is stored, and tell the longest time without an answer', async () => {
    await test.cluster.block(0, 50);
    expect(writers.takeLongestGapMs()).to.be.at.least(45);
    await writers.stop();
    expect(await writers.lost(test.cluster.options.routerPort ?? 0)).to.deep.equal([]);
    expect(writers.errors).to.deep.equal([]);
  });

  it('notice a write that is lost', async () => {
    await writers.stop();
    const stranger = await test.routerClient();
    await stranger.set('steady-1', '1');
    const [line, ...more] = await writers.lost(test.cluster.options.routerPort ?? 0);
    expect(line).to.match(/^steady-1 is 1: \d+ was acknowledged/);
    expect(more).to.deep.equal([]);
  });
});
