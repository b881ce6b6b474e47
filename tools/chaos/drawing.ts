/**
 * A timeline of the operations that cannot be ordered, as an SVG: a line for each client, a bar for each operation from
 * its call to its return.
 */

import type { Violation } from '../linearizability/checker.js';
import type { Operation } from '../linearizability/history.js';

/** Shown besides those that are stuck: the last in the order before them, and all that were under way meanwhile. */
const ORDERED_SHOWN = 12;
const STUCK_SHOWN = 4;
const MAX_SHOWN = 80;

const LEFT = 90;
const TOP = 64;
const ROW = 34;
const BAR = 22;
const WIDTH = 1_400;
const RIGHT = 40;

const COLOURS = { ordered: '#2f855a', stuck: '#c53030', unknown: '#b7791f', other: '#718096' } as const;

type Part = keyof typeof COLOURS;

interface Shown {
  readonly operation: Operation;
  readonly part: Part;
  /** Its place in the longest order that was found; undefined if it has none. */
  readonly place: number | undefined;
}

/** @param history the operations of the same key, also those whose outcome is unknown */
export function drawViolation(violation: Violation, history: readonly Operation[]): string {
  const shown = whatToShow(violation, history);
  const fromNs = Math.min(...shown.map(({ operation }) => operation.call));
  const untilNs = Math.max(...shown.map(({ operation }) => operation.call), ...shown.flatMap(returnOf));
  const clients = [...new Set(shown.map(({ operation }) => operation.client))].sort((a, b) => a - b);
  const x = (ns: number) =>
    LEFT + ((Math.min(ns, untilNs) - fromNs) / Math.max(1, untilNs - fromNs)) * (WIDTH - LEFT - RIGHT);
  const height = TOP + clients.length * ROW + 40;
  const rows = clients.map((client, row) => {
    const y = TOP + row * ROW;
    return `<text x="8" y="${y + 15}">client ${client}</text><line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y + BAR / 2}" y2="${y + BAR / 2}" stroke="#e2e8f0"/>`;
  });
  const bars = shown.map((one) => bar(one, x, TOP + clients.indexOf(one.operation.client) * ROW));
  const spanMs = ((untilNs - fromNs) / 1e6).toFixed(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="8" y="22" font-size="16">${escaped(violation.key)} is not linearizable: no operation can be next</text>`,
    legend(),
    ...rows,
    ...bars,
    `<text x="${LEFT}" y="${height - 12}">0 ms</text><text x="${WIDTH - RIGHT}" y="${height - 12}" text-anchor="end">${spanMs} ms</text>`,
    '</svg>',
    '',
  ].join('\n');
}

/** An operation and what came of it, in a few words. */
export function describeOperation({ action, outcome }: Operation): string {
  const asked: string[] = [action.op];
  if (action.op === 'cas') asked.push(`${action.expected}→`);
  const words = 'value' in action ? [...asked, action.value] : asked;
  return `${words.join(' ')}: ${outcomeInWords(outcome)}`;
}

function outcomeInWords(outcome: Operation['outcome']): string {
  switch (outcome.type) {
    case 'found':
      return outcome.version === undefined ? outcome.value : `${outcome.value} in version ${outcome.version}`;
    case 'stored':
      return outcome.version === undefined ? 'ok' : `version ${outcome.version}`;
    case 'swapped':
      return outcome.before === undefined ? 'not there before' : `${outcome.before} before`;
    case 'counted':
      return `${outcome.count}`;
    case 'not-found':
    case 'version-mismatch':
    case 'deleted':
    case 'unknown':
      return outcome.type;
  }
}

function whatToShow({ ordered, stuck }: Violation, history: readonly Operation[]): Shown[] {
  const places = new Map(ordered.map((operation, place) => [operation, place]));
  const chosen = new Set([...ordered.slice(-ORDERED_SHOWN), ...stuck.slice(0, STUCK_SHOWN)]);
  const fromNs = Math.min(...[...chosen].map(({ call }) => call));
  const untilNs = Math.max(...stuck.slice(0, STUCK_SHOWN).map((operation) => operation.return));
  const blamed = new Set(stuck.slice(0, STUCK_SHOWN));
  const values = new Set(
    stuck.slice(0, STUCK_SHOWN).flatMap(({ outcome }) => (outcome.type === 'found' ? [outcome.value] : [])),
  );
  const near = history.filter(
    (operation) =>
      (operation.call <= untilNs && operation.return >= fromNs && operation.outcome.type !== 'unknown') ||
      ('value' in operation.action && values.has(operation.action.value)),
  );
  for (const operation of near) if (chosen.size < MAX_SHOWN) chosen.add(operation);
  return [...chosen].map((operation) => ({
    operation,
    part: partOf(operation, blamed, places),
    place: places.get(operation),
  }));
}

function partOf(
  operation: Operation,
  blamed: ReadonlySet<Operation>,
  places: ReadonlyMap<Operation, number>,
): Part {
  if (blamed.has(operation)) return 'stuck';
  if (operation.outcome.type === 'unknown') return 'unknown';
  return places.has(operation) ? 'ordered' : 'other';
}

function bar({ operation, part, place }: Shown, x: (ns: number) => number, y: number): string {
  const left = x(operation.call);
  const width = Math.max(3, x(operation.return) - left);
  const label = `${place === undefined ? '' : `${place + 1}. `}${describeOperation(operation)}`;
  const colour = COLOURS[part];
  return (
    `<g><title>${escaped(label)}</title>` +
    `<rect x="${left}" y="${y}" width="${width}" height="${BAR}" rx="3" fill="${colour}" fill-opacity="0.25" stroke="${colour}"/>` +
    `<text x="${left + 3}" y="${y + 15}" fill="${colour}">${escaped(label)}</text></g>`
  );
}

function legend(): string {
  const words: Record<Part, string> = {
    ordered: 'in order so far, with its place',
    stuck: 'cannot come next',
    unknown: 'outcome unknown',
    other: 'others meanwhile',
  };
  return [...partsOf(words)]
    .map(
      ([part, text], i) =>
        `<rect x="${LEFT + i * 220}" y="34" width="14" height="14" fill="${COLOURS[part]}"/><text x="${LEFT + 20 + i * 220}" y="46">${text}</text>`,
    )
    .join('');
}

function partsOf(words: Readonly<Record<Part, string>>): [Part, string][] {
  return [
    ['ordered', words.ordered],
    ['stuck', words.stuck],
    ['unknown', words.unknown],
    ['other', words.other],
  ];
}

function returnOf({ operation }: Shown): number[] {
  return Number.isFinite(operation.return) ? [operation.return] : [];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
