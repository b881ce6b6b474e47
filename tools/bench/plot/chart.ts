/**
 * A chart as an SVG file that needs nothing else: panels of lines over one x axis, with a legend for all of them. It is
 * dark where the reader's system is.
 */

import { exactScale, roundScale, type Scale } from './scale.js';

export interface Chart {
  readonly title: string;
  /** Lines below the title. */
  readonly notes: readonly string[];
  readonly x: Axis;
  /** Two side by side, row by row. */
  readonly panels: readonly Panel[];
}

export interface Axis {
  readonly title: string;
  /** A tick's label. */
  format(value: number): string;
}

export interface Panel {
  readonly title: string;
  readonly y: Axis;
  /** At least one, with at least one point. */
  readonly lines: readonly Line[];
}

export interface Line {
  readonly name: string;
  readonly style: LineStyle;
  readonly points: readonly Point[];
}

/** Lines of the same style are told apart by nothing, so the same name should go with it. */
export interface LineStyle {
  /** Of its colour and the shape of its points. */
  readonly colour: number;
  /** Of its dashes; points of any but 0 are hollow. */
  readonly dashes: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** The ends of the spread. */
  readonly min: number;
  readonly max: number;
  /** Shown when it is pointed at. */
  readonly title: string;
}

const WIDTH = 960;
const MARGIN = 20;
const TITLE_HEIGHT = 34;
const NOTE_HEIGHT = 18;
const LEGEND_HEIGHT = 24;
const PANEL_WIDTH = (WIDTH - 3 * MARGIN) / 2;
const PANEL_HEIGHT = 300;
/** Of a panel, around what is plotted. */
const INSET = { left: 80, right: 14, top: 30, bottom: 50 } as const;
const PLOT_WIDTH = PANEL_WIDTH - INSET.left - INSET.right;
const PLOT_HEIGHT = PANEL_HEIGHT - INSET.top - INSET.bottom;
/** Of the plot, at either end of the x axis. */
const X_PADDING = 18;
const CHARACTER_WIDTH = 7;
const LEGEND_STROKE = 34;
const CAP = 3.5;
const RADIUS = 4;

/** Told apart by those who see few colours, on white and on black. */
const COLOURS = [
  { light: '#0a5fb4', dark: '#5aaeff' },
  { light: '#b34700', dark: '#ff9d4d' },
  { light: '#0b7a5c', dark: '#3ecfa3' },
  { light: '#8b3fa0', dark: '#d79bea' },
  { light: '#6b6200', dark: '#d6c93a' },
  { light: '#b0205f', dark: '#ff86b6' },
] as const;
const DASHES = ['none', '7 4', '2 3', '9 3 2 3'] as const;

export function drawChart(chart: Chart): string {
  const legend = legendOf(chart.panels);
  const notesTop = MARGIN + TITLE_HEIGHT;
  const legendTop = notesTop + chart.notes.length * NOTE_HEIGHT;
  const panelsTop = legendTop + (legend.rows + 0.5) * LEGEND_HEIGHT;
  const height = panelsTop + Math.ceil(chart.panels.length / 2) * (PANEL_HEIGHT + MARGIN);
  const x = exactScale(chart.panels.flatMap(({ lines }) => pointsOf(lines).map((point) => point.x)));
  const panels = chart.panels.map((panel, i) => {
    const left = MARGIN + (i % 2) * (PANEL_WIDTH + MARGIN);
    const top = panelsTop + Math.floor(i / 2) * (PANEL_HEIGHT + MARGIN);
    return group(left, top, drawPanel(panel, chart.x, x));
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${rounded(height)}" width="${WIDTH}" height="${rounded(height)}" class="chart" role="img">`,
    `<title>${escaped(chart.title)}</title>`,
    `<style>${styles()}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${rounded(height)}"/>`,
    text(MARGIN, MARGIN + 18, chart.title, 'heading'),
    ...chart.notes.map((note, i) => text(MARGIN, notesTop + (i + 0.5) * NOTE_HEIGHT, note, 'note')),
    group(MARGIN, legendTop + LEGEND_HEIGHT / 2, legend.drawn),
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel({ title, y, lines }: Panel, xAxis: Axis, x: Scale): string[] {
  const points = pointsOf(lines);
  const yScale = roundScale(points.flatMap(({ min, y: value, max }) => [min, value, max]));
  const xAt = (value: number) => INSET.left + X_PADDING + x.place(value) * (PLOT_WIDTH - 2 * X_PADDING);
  const yAt = (value: number) => INSET.top + (1 - yScale.place(value)) * PLOT_HEIGHT;
  const bottom = INSET.top + PLOT_HEIGHT;
  const right = INSET.left + PLOT_WIDTH;
  return [
    text(INSET.left, 16, title, 'name'),
    ...yScale.ticks.flatMap((tick) => [
      segment([INSET.left, yAt(tick)], [right, yAt(tick)], 'grid'),
      text(INSET.left - 8, yAt(tick) + 4, y.format(tick), 'tick end'),
    ]),
    segment([INSET.left, bottom], [right, bottom], 'axis'),
    ...x.ticks.flatMap((tick) => [
      segment([xAt(tick), bottom], [xAt(tick), bottom + 5], 'axis'),
      text(xAt(tick), bottom + 19, xAxis.format(tick), 'tick middle'),
    ]),
    text(INSET.left + PLOT_WIDTH / 2, bottom + 40, xAxis.title, 'note middle'),
    `<text transform="translate(12 ${rounded(INSET.top + PLOT_HEIGHT / 2)}) rotate(-90)" class="note middle">${escaped(y.title)}</text>`,
    ...lines.map((line) => drawLine(line, xAt, yAt)),
  ];
}

function drawLine(
  { style, points }: Line,
  xAt: (value: number) => number,
  yAt: (value: number) => number,
): string {
  const sorted = points.toSorted((a, b) => a.x - b.x);
  const path = sorted.map(({ x, y }) => `${rounded(xAt(x))},${rounded(yAt(y))}`).join(' ');
  const marks = sorted.map((point) => {
    const [x, y, high, low] = [xAt(point.x), yAt(point.y), yAt(point.max), yAt(point.min)];
    const caps = [high, low].map((end) => segment([x - CAP, end], [x + CAP, end], 'spread'));
    return [
      `<g><title>${escaped(point.title)}</title>`,
      ...[segment([x, high], [x, low], 'spread'), ...caps, marker(x, y, style)],
      '</g>',
    ].join('');
  });
  return `<g class="${classesOf(style)}"><polyline points="${path}"/>${marks.join('')}</g>`;
}

/** Entries side by side, in as many rows as they need. */
function legendOf(panels: readonly Panel[]): { readonly drawn: readonly string[]; readonly rows: number } {
  const styles = new Map(panels.flatMap(({ lines }) => lines.map(({ name, style }) => [name, style])));
  let x = 0;
  let row = 0;
  const drawn = [...styles].map(([name, style]) => {
    const width = LEGEND_STROKE + 10 + name.length * CHARACTER_WIDTH + 20;
    if (x > 0 && x + width > WIDTH - 2 * MARGIN) {
      x = 0;
      row += 1;
    }
    const y = row * LEGEND_HEIGHT;
    const stroke = `<polyline points="${x},${y} ${x + LEGEND_STROKE},${y}"/>${marker(x + LEGEND_STROKE / 2, y, style)}`;
    const entry = `<g class="${classesOf(style)}">${stroke}</g>${text(x + LEGEND_STROKE + 8, y + 4, name, 'label')}`;
    x += width;
    return entry;
  });
  return { drawn, rows: row + 1 };
}

function marker(x: number, y: number, { colour }: LineStyle): string {
  switch (colour % 3) {
    case 0:
      return `<circle class="mark" cx="${rounded(x)}" cy="${rounded(y)}" r="${RADIUS}"/>`;
    case 1:
      return `<rect class="mark" x="${rounded(x - RADIUS + 0.5)}" y="${rounded(y - RADIUS + 0.5)}" width="7" height="7"/>`;
    default:
      return `<path class="mark" d="M${rounded(x)} ${rounded(y - RADIUS - 1)}l5 8.5h-10z"/>`;
  }
}

function classesOf({ colour, dashes }: LineStyle): string {
  const fill = dashes === 0 ? '' : ' hollow';
  return `line colour-${colour % COLOURS.length} dashes-${dashes % DASHES.length}${fill}`;
}

function styles(): string {
  return [
    '.chart { font: 12px system-ui, sans-serif; color-scheme: light dark; }',
    '.chart .heading { font-size: 18px; font-weight: 600; } .chart .name { font-weight: 600; }',
    '.chart .middle { text-anchor: middle; } .chart .end { text-anchor: end; }',
    '.chart .line { fill: none; stroke-width: 2; } .chart .spread { stroke-width: 1.2; stroke-dasharray: none; }',
    '.chart .mark { stroke-dasharray: none; stroke-width: 1.6; }',
    ...DASHES.map((dashes, i) => `.chart .dashes-${i} polyline { stroke-dasharray: ${dashes}; }`),
    colours('light', { paper: '#ffffff', ink: '#1f2328', pale: '#57606a', grid: '#e3e7eb' }),
    `@media (prefers-color-scheme: dark) { ${colours('dark', { paper: '#0d1117', ink: '#e6edf3', pale: '#9da7b3', grid: '#252c35' })} }`,
  ].join('\n');
}

function colours(
  scheme: 'light' | 'dark',
  { paper, ink, pale, grid }: Readonly<Record<'paper' | 'ink' | 'pale' | 'grid', string>>,
): string {
  return [
    `.chart .paper { fill: ${paper}; } .chart text { fill: ${ink}; }`,
    `.chart .note, .chart .tick { fill: ${pale}; }`,
    `.chart .grid { stroke: ${grid}; } .chart .axis { stroke: ${pale}; }`,
    ...COLOURS.map(({ [scheme]: colour }, i) =>
      [`.chart .colour-${i} { stroke: ${colour}; }`, `.chart .colour-${i} .mark { fill: ${colour}; }`].join(
        ' ',
      ),
    ),
    `.chart .hollow .mark { fill: ${paper}; }`,
  ].join('\n');
}

function pointsOf(lines: readonly Line[]): Point[] {
  return lines.flatMap(({ points }) => points);
}

function group(x: number, y: number, content: readonly string[]): string {
  return `<g transform="translate(${rounded(x)} ${rounded(y)})">\n${content.join('\n')}\n</g>`;
}

function text(x: number, y: number, words: string, classes: string): string {
  return `<text x="${rounded(x)}" y="${rounded(y)}" class="${classes}">${escaped(words)}</text>`;
}

function segment([x1, y1]: [number, number], [x2, y2]: [number, number], className: string): string {
  return `<line x1="${rounded(x1)}" y1="${rounded(y1)}" x2="${rounded(x2)}" y2="${rounded(y2)}" class="${className}"/>`;
}

/** Parts of a pixel are of no use. */
function rounded(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
