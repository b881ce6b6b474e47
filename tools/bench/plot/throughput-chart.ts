/**
 * The results as a chart: throughput and latency against what was swept. A line for each system and operation; what
 * else was swept has panels of its own.
 */

import type { Spread } from '../../support/statistics.js';
import type { Case } from '../cases.js';
import {
  bytes,
  DIMENSIONS,
  type Dimension,
  inWords,
  type NumericDimension,
  varies,
  whole,
} from '../dimensions.js';
import type { Summary } from '../throughput.js';
import type { Axis, Chart, Line, LineStyle, Panel, Point } from './chart.js';

interface SweptAxis {
  readonly dimension: NumericDimension;
  /** As in `by pipeline depth`. */
  readonly name: string;
  readonly axis: Axis;
}

const DEPTH: SweptAxis = {
  dimension: 'depth',
  name: 'pipeline depth',
  axis: { title: 'requests that a connection sends at once', format: short },
};

/** The first of them that was swept is the x axis. Depth is last, as it is swept unless told otherwise. */
const X_AXES: readonly SweptAxis[] = [
  { dimension: 'servers', name: 'number of servers', axis: { title: 'servers', format: short } },
  { dimension: 'keys', name: 'number of keys', axis: { title: 'keys', format: short } },
  { dimension: 'valueBytes', name: 'length of values', axis: { title: 'length of a value', format: bytes } },
  { dimension: 'connections', name: 'number of connections', axis: { title: 'connections', format: short } },
  DEPTH,
];

/** Systems have protocols and servers of their own, so these tell lines apart. */
const LINE_DIMENSIONS: readonly Dimension[] = ['servers', 'protocol'];
const PANEL_DIMENSIONS = DIMENSIONS.filter((dimension) => !LINE_DIMENSIONS.includes(dimension));

interface Quantity {
  readonly title: string;
  readonly y: Axis;
  of(summary: Summary): Spread;
  inWords(value: number): string;
}

const QUANTITIES: readonly Quantity[] = [
  {
    title: 'Throughput',
    y: { title: 'requests per second', format: short },
    of: ({ requestsPerSecond }) => requestsPerSecond,
    inWords: (rate) => `${whole(rate)} requests/s`,
  },
  {
    title: 'Latency, 99th percentile',
    y: { title: 'from sent to answered', format: time },
    of: ({ latencyUs: { p99 } }) => p99,
    inWords: (us) => `${whole(us)} µs`,
  },
];

/** @param notes what all cases have in common */
export function throughputChart(summaries: readonly Summary[], notes: readonly string[]): Chart {
  const own = summaries.filter(({ system }) => system === 'threadraft');
  const { dimension, name, axis } = X_AXES.find((candidate) => varies(candidate.dimension, own)) ?? DEPTH;
  const splitting = PANEL_DIMENSIONS.filter((each) => each !== dimension && varies(each, own));
  const styleOf = stylesOf(summaries, dimension);
  const rows = groupsOf(summaries, (summary) => splitting.map((each) => inWords(each, summary)).join(', '));
  return {
    title: `Throughput and latency by ${name}`,
    notes,
    x: axis,
    panels: rows.flatMap(([row, members]) =>
      QUANTITIES.map(
        (quantity): Panel => ({
          title: row === '' ? quantity.title : `${quantity.title}, ${row}`,
          y: quantity.y,
          lines: linesOf(members, dimension, quantity, styleOf),
        }),
      ),
    ),
  };
}

interface NamedStyle {
  readonly name: string;
  readonly style: LineStyle;
}

function linesOf(
  summaries: readonly Summary[],
  dimension: NumericDimension,
  { of, inWords: told }: Quantity,
  styleOf: (conditions: Case) => NamedStyle,
): Line[] {
  return groupsOf(summaries, (summary) => styleOf(summary).name).map(([name, [first, ...others]]) => ({
    name,
    style: styleOf(first).style,
    points: [first, ...others].flatMap((summary): Point[] => {
      const x = summary[dimension];
      if (x === undefined) return [];
      const { median, min, max } = of(summary);
      const title = `${name}, ${inWords(dimension, summary)}: ${told(median)} (${told(min)} to ${told(max)})`;
      return [{ x, y: median, min, max, title }];
    }),
  }));
}

/** Operations differ in colour and systems in dashes; with one operation, systems differ in both. */
function stylesOf(
  summaries: readonly Summary[],
  dimension: NumericDimension,
): (conditions: Case) => NamedStyle {
  const operations = [...new Set(summaries.map(({ operation }) => operation))];
  const contestantOf = (conditions: Case) => {
    const others = summaries.filter(({ system }) => system === conditions.system);
    const differences = LINE_DIMENSIONS.filter((each) => each !== dimension && varies(each, others));
    return [conditions.system, ...differences.map((each) => inWords(each, conditions))].join(', ');
  };
  const contestants = [...new Set(summaries.map(contestantOf))];
  return (conditions) => {
    const contestant = contestantOf(conditions);
    const dashes = contestants.indexOf(contestant);
    const colour = operations.length > 1 ? operations.indexOf(conditions.operation) : dashes;
    const name = contestants.length > 1 ? `${contestant}: ${conditions.operation}` : conditions.operation;
    return { name, style: { colour, dashes } };
  };
}

/** In the order in which their names first occur. */
function groupsOf<T>(things: readonly T[], nameOf: (thing: T) => string): [string, [T, ...T[]]][] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const thing of things) {
    const known = groups.get(nameOf(thing));
    if (known === undefined) groups.set(nameOf(thing), [thing]);
    else known.push(thing);
  }
  return [...groups];
}

/** As in `20k`. */
function short(count: number): string {
  if (count < 1_000) return `${count}`;
  return count < 1_000_000 ? `${count / 1_000}k` : `${count / 1_000_000}M`;
}

/** As in `20 ms`. */
function time(us: number): string {
  if (us < 1_000) return `${us} µs`;
  return us < 1_000_000 ? `${us / 1_000} ms` : `${us / 1_000_000} s`;
}
