import { expect } from 'chai';
import type { ThroughputOptions } from '../../tools/bench/cases.js';
import { isInstalled, PEER_PROGRAMS, PEERS } from '../../tools/bench/peers.js';
import { comparisonTable, errorLines, peerTable, throughputTable } from '../../tools/bench/report.js';
import type { ProgramTarget } from '../../tools/bench/target.js';
import { measureThroughput, type Progress, summarize } from '../../tools/bench/throughput.js';
import { median, percentile } from '../../tools/support/statistics.js';
import { KEEPING_PROGRAM } from './fixtures/entries.js';
import { roundOf, seriesOf } from './fixtures/series.js';

const SMALL: ThroughputOptions = {
  targets: [{ type: 'ceiling' }],
  protocols: ['text'],
  peers: [],
  operations: ['set', 'get', 'mixed'],
  connections: [2],
  depths: [1, 4],
  keyspaces: [{ keys: 20, valueBytes: 16 }],
  limit: { type: 'requests', requests: 40 },
  rounds: 2,
};

describe('The throughput benchmark', () => {
  it('measures every operation at every depth in every round, without the warm-up', async () => {
    const progress: Progress[] = [];
    const series = await measureThroughput(SMALL, (one) => progress.push(one));
    expect(series.map(({ operation, depth, rounds }) => [operation, depth, rounds.length])).to.deep.equal([
      ['set', 1, 2],
      ['set', 4, 2],
      ['get', 1, 2],
      ['get', 4, 2],
      ['mixed', 1, 2],
      ['mixed', 4, 2],
    ]);
    expect(series.flatMap(({ rounds }) => rounds).every(({ requests }) => requests === 40)).to.equal(true);
    expect(progress.at(-1)).to.include({ done: 18, total: 18 });
    expect(errorLines(series.map(summarize))).to.deep.equal([]);
  });

  for (const via of ['leader', 'router'] as const)
    it(`starts the program and drives its ${via} port`, async () => {
      const target = programTarget({ via });
      const series = await measureThroughput({ ...SMALL, targets: [target], rounds: 1 });
      expect(errorLines(series.map(summarize))).to.deep.equal([]);
    });

  it('measures every combination of servers, durability, connections and value size', async () => {
    const series = await measureThroughput({
      ...SMALL,
      targets: [programTarget({ servers: 1 }), programTarget({ servers: 3, durability: 'memory' })],
      operations: ['mixed'],
      connections: [1, 3],
      depths: [2],
      keyspaces: [16, 900].map((valueBytes) => ({ keys: 20, valueBytes })),
    });
    expect(series.map((one) => [one.connections, one.valueBytes, one.servers, one.durability])).to.deep.equal(
      [
        [1, 16, 1, 'no-fsync'],
        [1, 16, 3, 'memory'],
        [1, 900, 1, 'no-fsync'],
        [1, 900, 3, 'memory'],
        [3, 16, 1, 'no-fsync'],
        [3, 16, 3, 'memory'],
        [3, 900, 1, 'no-fsync'],
        [3, 900, 3, 'memory'],
      ],
    );
    expect(series.map(({ rounds }) => rounds.length)).to.deep.equal(series.map(() => 2));
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
      const target = programTarget({ durability: 'fsync' });
      const series = await measureThroughput({ ...SMALL, targets: [target], peers: [peer], rounds: 1 });
      expect(series.map(({ system }) => system).slice(0, 2)).to.deep.equal(['threadraft', peer]);
      expect(errorLines(series.map(summarize))).to.deep.equal([]);
    });
});

describe('The report of the throughput benchmark', () => {
  const summaries = [
    summarize(seriesOf({}, [10_000, 30_000, 25_200].map(roundOf))),
    summarize(seriesOf({ depth: 3 }, [roundOf(1), { ...roundOf(2), errors: { ERR_INTERNAL: 4 } }])),
  ];
  const single = summaries.slice(0, 1);

  it('shows the median of the rounds and their spread', () => {
    const [, , row = ''] = throughputTable(summaries).split('\n');
    expect(row.split(/ {2,}/)).to.deep.equal([
      ...['threadraft', 'set', '1', '25,200', '10,000 .. 30,000', '100', '200', '300', '50 %'],
    ]);
  });

  it('has columns for what else was swept', () => {
    const servers = [1, 3].map((count) => summarize(seriesOf({ servers: count, keys: 1_000 }, [roundOf(1)])));
    const [head = '', , ...rows] = throughputTable(servers).split('\n');
    expect(head).to.match(/^system +servers +operation/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 3))).to.deep.equal([
      ['threadraft', '1', 'set'],
      ['threadraft', '3', 'set'],
    ]);
  });

  it('sets it against systems with the same guarantee, where their figures are known', () => {
    const table = comparisonTable(summaries);
    expect(table).to.match(/RedisRaft, three nodes, fsync +12,600 +2\.00x\n/);
    expect(table).to.not.include('no fsync');
    expect(table).to.not.include('P=3');
  });

  for (const [what, changes] of [
    ['where nothing is known', { depth: 3 }],
    ['under another load', { connections: 49 }],
    ['with other values', { valueBytes: 65 }],
    ['for what was not started here', { servers: undefined, durability: undefined }],
  ] as const)
    it(`has no comparison ${what}`, () => {
      expect(comparisonTable([summarize(seriesOf(changes, [roundOf(1)]))])).to.equal('');
    });

  it('tells what multiple of each peer was reached', () => {
    const redis = summarize(seriesOf({ system: 'redis', servers: 1, protocol: 'resp' }, [roundOf(50_400)]));
    expect(
      peerTable([...single, redis])
        .split('\n')
        .slice(-1),
    ).to.deep.equal(['set P=1     0.50x']);
    expect(peerTable(summaries)).to.equal('');
  });

  it('compares with a peer under the same load alone', () => {
    const long = { valueBytes: 1024 };
    const redis = { system: 'redis', protocol: 'resp' } as const;
    const table = peerTable([
      ...single,
      summarize(seriesOf(long, [roundOf(300)])),
      summarize(seriesOf({ ...long, ...redis }, [roundOf(100)])),
    ]);
    expect(table.split('\n').slice(-2)).to.deep.equal([
      'set P=1, values of 64 B',
      'set P=1, values of 1 KiB     3.00x',
    ]);
  });

  it('names wrong replies of any round', () => {
    expect(errorLines(summaries)).to.deep.equal([
      'FAILED threadraft set P=3: wrong replies: 4 x ERR_INTERNAL',
    ]);
  });
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

function programTarget(changes: Partial<ProgramTarget>): ProgramTarget {
  return {
    type: 'program',
    servers: 1,
    durability: 'no-fsync',
    via: 'leader',
    entry: KEEPING_PROGRAM,
    ...changes,
  };
}
