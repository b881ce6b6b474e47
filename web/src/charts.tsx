/** What was measured in the last two minutes: six charts of the same form, each with its latest number. */

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Sample, ServerSample, TimelineEvent } from '../../src/admin/live/view.js';
import { serverColour, termColour, token } from './colours.ts';
import { milliseconds, percent, short } from './format.ts';
import type { LiveState } from './live.ts';

/** The window grows with what there is to show, from the one to the other. */
const MIN_WINDOW_S = 30;
const MAX_WINDOW_S = 120;
const CHART_HEIGHT = 118;
const SYNC_KEY = 'threadraft';

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly isDashed?: boolean;
  readonly read: (sample: Sample) => number | null;
}

interface ChartSpec {
  readonly title: string;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** What the headline says of the latest sample. */
  readonly headline: (sample: Sample) => string;
  /** The least that the axis reaches to. */
  readonly floor: number;
  readonly ceiling?: number;
}

export function ChartsPanel({ state }: { readonly state: LiveState }) {
  const ids = (state.frame?.servers ?? []).map(({ id }) => id);
  const { samples, events } = state;
  return (
    <section class="panel charts" aria-labelledby="charts-title">
      <h2 id="charts-title">
        Measurements
        <span class="key">
          {ids.map((id) => (
            <span key={id}>
              <span class="server-dot" style={{ background: serverColour(id) }} /> {id}
            </span>
          ))}
        </span>
      </h2>
      <div class="chart-grid">
        {specs(ids).map((spec) => (
          <Chart key={spec.title} spec={spec} samples={samples} events={events} />
        ))}
      </div>
    </section>
  );
}

function specs(ids: readonly number[]): ChartSpec[] {
  const perServer = (read: (server: ServerSample) => number | null): Series[] =>
    ids.map((id) => ({
      name: `server ${id}`,
      colour: serverColour(id),
      read: ({ servers }) => {
        const server = servers.find((sampled) => sampled.id === id);
        return server === undefined ? null : read(server);
      },
    }));
  const most = (sample: Sample, read: (server: ServerSample) => number | null): number | null => {
    const values = sample.servers.map((server) => read(server) ?? 0);
    return values.length === 0 ? null : Math.max(...values);
  };
  const writes = token('--chart-writes');
  const reads = token('--chart-reads');
  return [
    {
      title: 'Throughput',
      series: [
        { name: 'writes/s', colour: writes, read: ({ writesPerS }) => writesPerS },
        { name: 'reads/s', colour: reads, read: ({ readsPerS }) => readsPerS },
      ],
      format: short,
      headline: ({ writesPerS, readsPerS }) => `${short(writesPerS + readsPerS)}/s`,
      floor: 10,
    },
    {
      title: 'Latency',
      series: [
        { name: 'write p50', colour: writes, read: ({ writeMs }) => writeMs?.p50 ?? null },
        { name: 'write p99', colour: writes, isDashed: true, read: ({ writeMs }) => writeMs?.p99 ?? null },
        { name: 'read p50', colour: reads, read: ({ readMs }) => readMs?.p50 ?? null },
        { name: 'read p99', colour: reads, isDashed: true, read: ({ readMs }) => readMs?.p99 ?? null },
      ],
      format: milliseconds,
      headline: ({ writeMs }) => (writeMs === null ? '–' : `${milliseconds(writeMs.p99)} p99`),
      floor: 1,
    },
    {
      title: 'Entries behind',
      series: perServer(({ behind }) => behind),
      format: short,
      headline: (sample) => short(most(sample, ({ behind }) => behind) ?? 0),
      floor: 5,
    },
    {
      title: 'Disk write p99',
      series: perServer(({ diskMs }) => diskMs?.p99 ?? null),
      format: milliseconds,
      headline: (sample) => {
        const slowest = most(sample, ({ diskMs }) => diskMs?.p99 ?? null);
        return slowest === null || slowest === 0 ? '–' : milliseconds(slowest);
      },
      floor: 1,
    },
    {
      title: 'Queued',
      series: perServer(({ queued }) => queued),
      format: short,
      headline: (sample) => short(most(sample, ({ queued }) => queued) ?? 0),
      floor: 5,
    },
    {
      title: 'Event loop busy',
      series: [
        ...perServer(({ loop }) => loop),
        { name: 'main', colour: token('--muted'), isDashed: true, read: ({ mainLoop }) => mainLoop },
      ],
      format: percent,
      headline: (sample) => percent(Math.max(sample.mainLoop, most(sample, ({ loop }) => loop) ?? 0)),
      floor: 1,
      ceiling: 1,
    },
  ];
}

function Chart({
  spec,
  samples,
  events,
}: {
  readonly spec: ChartSpec;
  readonly samples: readonly Sample[];
  readonly events: readonly TimelineEvent[];
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latestEvents = useRef(events);
  latestEvents.current = events;
  // A chart is made anew when what it is made of changes: its lines, or the colours of the page.
  const form = spec.series.map(({ name, colour }) => `${name} ${colour}`).join();
  const latestSpec = useRef(spec);
  latestSpec.current = spec;

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = new uPlot(
      optionsOf(latestSpec.current, element.clientWidth, () => latestEvents.current),
      [[], ...latestSpec.current.series.map(() => [])],
      element,
    );
    plot.current = made;
    const resize = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: CHART_HEIGHT }),
    );
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [form]);

  useEffect(() => {
    const times = samples.map(({ atMs }) => atMs / 1000);
    const values = latestSpec.current.series.map(({ read }) => samples.map(read));
    plot.current?.setData([times, ...values]);
  }, [samples, form]);

  const latest = samples.at(-1);
  const headline = latest === undefined ? '–' : spec.headline(latest);
  return (
    <figure class="chart">
      <figcaption>
        <span>{spec.title}</span>
        <strong>{headline}</strong>
      </figcaption>
      <div ref={box} role="img" aria-label={`${spec.title}: ${headline}`} />
    </figure>
  );
}

function optionsOf(spec: ChartSpec, width: number, events: () => readonly TimelineEvent[]): uPlot.Options {
  const grid = { stroke: token('--grid'), width: 1 };
  const axis = {
    stroke: token('--muted'),
    font: '11px ui-sans-serif, system-ui, sans-serif',
    grid,
    ticks: { show: false },
  };
  return {
    width,
    height: CHART_HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: SYNC_KEY }, drag: { x: false, y: false }, points: { size: 6 } },
    padding: [8, 14, 0, 0],
    scales: {
      x: { range: (_, min, max) => windowOf(min, max) },
      y: {
        range: (_, __, max) => [
          0,
          spec.ceiling ?? Math.max(spec.floor, (Number.isFinite(max) ? max : 0) * 1.15),
        ],
      },
    },
    axes: [
      {
        ...axis,
        size: 20,
        space: 60,
        splits: (_, __, min, max) => timesIn(min, max),
        values: ({ scales: { x } }, splits) => splits.map((at) => timeLabel(at - (x?.max ?? at))),
      },
      {
        ...axis,
        size: 54,
        space: 34,
        values: (_, splits) => splits.map((value) => spec.format(value)),
      },
    ],
    series: [
      {},
      ...spec.series.map(({ name, colour, isDashed = false }) => ({
        label: name,
        stroke: colour,
        width: 1.75,
        ...(isDashed ? { dash: [4, 3] } : {}),
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: { drawClear: [(plot) => drawEvents(plot, events())] },
  };
}

function windowOf(min: number | null, max: number | null): [number, number] {
  const end = max ?? Date.now() / 1000;
  const span = Math.min(MAX_WINDOW_S, Math.max(MIN_WINDOW_S, end - (min ?? end)));
  return [end - span, end];
}

/** Every ten seconds, or every thirty, back from now. */
function timesIn(min: number, max: number): number[] {
  const step = max - min > 60 ? 30 : 10;
  return Array.from({ length: Math.floor((max - min) / step) + 1 }, (_, back) => max - back * step).reverse();
}

function timeLabel(offsetS: number): string {
  const s = Math.round(offsetS);
  return s === 0 ? 'now' : `${s} s`;
}

/** A line for each election, in the colour of its term, and for each death. */
function drawEvents(plot: uPlot, events: readonly TimelineEvent[]): void {
  const { ctx: context, bbox, scales } = plot;
  const { x: time } = scales;
  const minMs = (time?.min ?? 0) * 1000;
  context.save();
  context.lineWidth = devicePixelRatio;
  for (const { atMs, type, term } of events) {
    if (atMs < minMs || !(type === 'elected' || type === 'killed' || type === 'died')) continue;
    const x = plot.valToPos(atMs / 1000, 'x', true);
    context.strokeStyle = type === 'elected' ? termColour(term ?? 0) : token('--bad');
    context.setLineDash(type === 'elected' ? [] : [3 * devicePixelRatio, 3 * devicePixelRatio]);
    context.beginPath();
    context.moveTo(x, bbox.top);
    context.lineTo(x, bbox.top + bbox.height);
    context.stroke();
  }
  context.restore();
}
