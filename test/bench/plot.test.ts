import { expect } from 'chai';
import fc from 'fast-check';
import { drawChart } from '../../tools/bench/plot/chart.js';
import { exactScale, roundScale } from '../../tools/bench/plot/scale.js';
import { throughputChart } from '../../tools/bench/plot/throughput-chart.js';
import { type Summary, summarize } from '../../tools/bench/throughput.js';
import { roundOf, seriesOf } from './fixtures/series.js';

describe('The scale of what is measured', () => {
  it('begins at 0 and ends at a round number', () => {
    expect(roundScale([31, 110]).ticks).to.deep.equal([0, 20, 40, 60, 80, 100, 120]);
  });

  it('is logarithmic from a factor of ten on', () => {
    const { ticks, place } = roundScale([3, 30]);
    expect(ticks).to.deep.equal([2, 5, 10, 20, 50]);
    expect(place(10)).to.be.closeTo(0.5, 1e-9);
  });

  it('has the powers of ten alone as ticks where there would be many', () => {
    expect(roundScale([1, 90_000]).ticks).to.deep.equal([1, 10, 100, 1_000, 10_000, 100_000]);
  });

  it('has room for every value, whatever they are', () => {
    const measured = fc.double({ min: 1e-3, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(fc.array(measured, { minLength: 1, maxLength: 5 }), (values) => {
        const { place, ticks } = roundScale(values);
        const places = [...values, ...ticks].map(place);
        expect(Math.min(...places)).to.be.at.least(-1e-9);
        expect(Math.max(...places)).to.be.at.most(1 + 1e-9);
        expect(ticks.length).to.be.within(2, 13);
      }),
    );
  });
});

describe('The scale of what was chosen', () => {
  it('has the values for ticks, ends with them, and is linear where they are near', () => {
    const { ticks, place } = exactScale([7, 1, 3, 5, 3]);
    expect(ticks).to.deep.equal([1, 3, 5, 7]);
    expect([1, 4, 7].map(place)).to.deep.equal([0, 0.5, 1]);
  });

  it('is logarithmic where they are far apart', () => {
    expect(exactScale([1, 16, 256]).place(16)).to.be.closeTo(0.5, 1e-9);
  });

  it('leaves out ticks whose labels would overlap', () => {
    expect(exactScale([1, 1.01, 2, 3]).ticks).to.deep.equal([1, 2, 3]);
  });

  it('puts a single value in the middle', () => {
    expect(exactScale([5, 5]).place(5)).to.equal(0.5);
  });
});

describe('The chart of the throughput benchmark', () => {
  it('is drawn against the depth unless something else was swept', () => {
    expect(throughputChart([summary({})], []).title).to.equal('Throughput and latency by pipeline depth');
    const swept = [1, 3].map((servers) => summary({ servers }));
    expect(throughputChart(swept, []).title).to.equal('Throughput and latency by number of servers');
  });

  it('has medians with their spread', () => {
    const { panels } = throughputChart([summarize(seriesOf({}, [10, 30, 15].map(roundOf)))], []);
    expect(panels[0]?.lines[0]?.points[0]).to.include({ x: 1, y: 15, min: 10, max: 30 });
  });

  it('has a line for each system and operation, and tells all of them apart', () => {
    const { panels } = throughputChart(sweep(), []);
    const [{ lines } = { lines: [] }] = panels;
    expect(lines.map(({ name }) => name)).to.deep.equal([
      'threadraft: set',
      'etcd: set',
      'threadraft: get',
      'etcd: get',
    ]);
    expect(new Set(lines.map(({ style }) => JSON.stringify(style)))).to.have.property('size', 4);
    expect(lines.map(({ points }) => points.map(({ x }) => x))).to.deep.equal([[1, 5], [3], [1, 5], [3]]);
  });

  it('has panels of their own for what else was swept', () => {
    const deep = sweep().map((one) => ({ ...one, depth: 16 }));
    expect(throughputChart([...sweep(), ...deep], []).panels.map(({ title }) => title)).to.deep.equal([
      'Throughput, P=1',
      'Latency, 99th percentile, P=1',
      'Throughput, P=16',
      'Latency, 99th percentile, P=16',
    ]);
  });

  it('is an SVG that is whole, escapes what it is told, and has only finite numbers', () => {
    const svg = drawChart(throughputChart(sweep(), ['<a> & "b"']));
    expect(svg).to.include('&lt;a&gt; &amp; "b"');
    expect(svg).to.not.match(/NaN|Infinity|undefined/);
    expect(svg).to.include('prefers-color-scheme: dark');
    const open: string[] = [];
    for (const [, closing, name = '', empty] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g))
      if (closing === '/') expect(open.pop()).to.equal(name);
      else if (empty === '') open.push(name);
    expect(open).to.deep.equal([]);
  });
});

/** Over servers, with a peer. */
function sweep(): Summary[] {
  return (['set', 'get'] as const).flatMap((operation) => [
    ...[1, 5].map((servers) => summary({ operation, servers })),
    summary({ operation, system: 'etcd', servers: 3, protocol: 'etcd' }),
  ]);
}

function summary(changes: Parameters<typeof seriesOf>[0]): Summary {
  return summarize(seriesOf(changes, [roundOf(100)]));
}
