import { expect } from 'chai';
import type { Latency, RoundResult } from '../../bench/load/workload.js';
import { isInstalled, PEER_PROGRAMS, PEERS } from '../../bench/peers.js';
import { comparisonTable, errorLines, peerTable, throughputTable } from '../../bench/report.js';
import { median, percentile } from '../../bench/statistics.js';
import type { TargetChoice } from '../../bench/target.js';
import { countRounds, measureThroughput, summarize, type ThroughputOptions } from '../../bench/throughput.js';
import { KEEPING_PROGRAM } from './fixtures/entries.js';

const SMALL: ThroughputOptions = {
  target: { type: 'ceiling' },
  protocol: 'text',
  peers: [],
  connections: 2,
  depths: [1, 4],
  operations: ['set', 'get', 'mixed'],
  keyspace: { keys: 20, valueBytes: 16 },
  limit: { type: 'requests', requests: 40 },
  rounds: 2,
};

describe('The throughput benchmark', () => {
  it('measures every operation at every depth in every round, without the warm-up', async () => {
    const progress: number[] = [];
    const series = await measureThroughput(SMALL, (done) => progress.push(done));
    expect(series.map(({ operation, depth, rounds }) => [operation, depth, rounds.length])).to.deep.equal([
      ['set', 1, 2],
      ['set', 4, 2],
      ['get', 1, 2],
      ['get', 4, 2],
      ['mixed', 1, 2],
      ['mixed', 4, 2],
    ]);
    expect(series.flatMap(({ rounds }) => rounds).every(({ requests }) => requests === 40)).to.equal(true);
    expect(progress.at(-1)).to.equal(countRounds(SMALL));
    expect(errorLines(series.map(summarize))).to.deep.equal([]);
  });

  for (const door of ['leader', 'router'] as const)
    it(`starts the program and drives its ${door} port`, async () => {
      const target: TargetChoice = {
        type: 'program',
        servers: 3,
        durability: 'no-fsync',
        door,
        entry: KEEPING_PROGRAM,
      };
      const series = await measureThroughput({ ...SMALL, target, rounds: 1 });
      expect(errorLines(series.map(summarize))).to.deep.equal([]);
    });
});

describe('The throughput benchmark, with other systems', function () {
  this.timeout(60_000);

  for (const peer of PEERS)
    it(`measures ${peer} in turns`, async function () {
      const program = PEER_PROGRAMS[peer];
      if (!(await isInstalled(program))) {
        process.stdout.write(`skipped: ${program} is not installed\n`);
        this.skip();
      }
      const target: TargetChoice = {
        type: 'program',
        servers: 1,
        durability: 'fsync',
        door: 'leader',
        entry: KEEPING_PROGRAM,
      };
      const series = await measureThroughput({
        ...SMALL,
        target,
        peers: [peer],
        rounds: 1,
      });
      expect(series.map(({ system }) => system).slice(0, 2)).to.deep.equal(['threadraft', peer]);
      expect(errorLines(series.map(summarize))).to.deep.equal([]);
    });
});

describe('The report of the throughput benchmark', () => {
  const summaries = [
    summarize({
      system: 'threadraft',
      operation: 'set',
      depth: 1,
      rounds: [round(10_000), round(30_000), round(25_200)],
    }),
    summarize({
      system: 'threadraft',
      operation: 'set',
      depth: 3,
      rounds: [round(1), round(2, { ERR_INTERNAL: 4 })],
    }),
  ];

  it('shows the median of the rounds and their spread', () => {
    const [, , row = ''] = throughputTable(summaries).split('\n');
    expect(row.split(/ {2,}/)).to.deep.equal([
      ...['threadraft', 'set', '1', '25,200', '10,000 .. 30,000', '100', '200', '300', '50 %'],
    ]);
  });

  it('sets it against systems with the same guarantee, where their figures are known', () => {
    const table = comparisonTable(summaries, true);
    expect(table).to.match(/RedisRaft, three nodes, fsync +12,600 +2\.00x\n/);
    expect(table).to.not.include('no fsync');
    expect(table).to.not.include('P=3');
  });

  it('tells what multiple of each peer was reached', () => {
    const redis = summarize({ system: 'redis', operation: 'set', depth: 1, rounds: [round(50_400)] });
    expect(
      peerTable([...summaries.slice(0, 1), redis])
        .split('\n')
        .slice(-1),
    ).to.deep.equal(['set P=1     0.50x']);
    expect(peerTable(summaries)).to.equal('');
  });

  it('has no comparison where nothing is known', () => {
    expect(comparisonTable(summaries.slice(1), true)).to.equal('');
  });

  it('names wrong replies of any round', () => {
    expect(errorLines(summaries)).to.deep.equal(['FAILED set P=3: wrong replies: 4 x ERR_INTERNAL']);
  });

  function round(requestsPerSecond: number, errors: Record<string, number> = {}): RoundResult {
    const latencyUs: Latency = { p50: 100, p99: 200, p999: 300, max: 400 };
    return { requests: 1, elapsedMs: 1, requestsPerSecond, latencyUs, generatorCpu: 0.5, errors };
  }
});

describe('Statistics', () => {
  it('takes the middle of an odd number of values, and the mean of two otherwise', () => {
    expect(median([5, 1, 9])).to.equal(5);
    expect(median([5, 1, 9, 2])).to.equal(3.5);
  });

  it('takes percentiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([0, 1, 50, 99, 100].map((percent) => percentile(hundred, percent))).to.deep.equal([
      1, 1, 50, 99, 100,
    ]);
  });

  it('refuses to tell of no values', () => {
    expect(() => median([])).to.throw(RangeError);
    expect(() => percentile([], 50)).to.throw(RangeError);
  });
});
