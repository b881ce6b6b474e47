/**
 * What the cases of a run differ in, and how tables and plots speak of it.
 */

import type { Case } from './cases.js';

export type NumericDimension = 'servers' | 'keys' | 'valueBytes' | 'connections' | 'depth';

export type Dimension = NumericDimension | 'durability' | 'transport' | 'protocol';

export const DIMENSIONS: readonly Dimension[] = [
  ...(['servers', 'durability', 'transport', 'protocol'] as const),
  ...(['connections', 'depth', 'keys', 'valueBytes'] as const),
];

const KIB = 1024;

/** Whether the cases have more than one value of it. */
export function varies(dimension: Dimension, cases: readonly Case[]): boolean {
  return new Set(cases.map((each) => each[dimension])).size > 1;
}

/** A case's value with its unit, in a word or two; empty where it has none. */
export function inWords(dimension: Dimension, conditions: Case): string {
  const value = conditions[dimension];
  if (value === undefined) return '';
  if (value === 'plain') return '';
  if (typeof value === 'string') return dimension === 'protocol' ? `${value} protocol` : value;
  switch (dimension) {
    case 'depth':
      return `P=${value}`;
    case 'valueBytes':
      return `values of ${bytes(value)}`;
    case 'servers':
      return value === 1 ? '1 server' : `${value} servers`;
    case 'connections':
      return value === 1 ? '1 connection' : `${whole(value)} connections`;
    default:
      return `${whole(value)} ${dimension}`;
  }
}

/** As in `64 KiB`. */
export function bytes(count: number): string {
  if (count < KIB) return `${count} B`;
  return count < KIB * KIB ? `${decimal(count / KIB)} KiB` : `${decimal(count / KIB / KIB)} MiB`;
}

/** As in `12,345`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function decimal(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}
