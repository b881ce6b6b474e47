/** What `bench:check` prints. */

import { table } from '../table.js';
import { isTooBad, type RowResult } from './compare.js';
import { ROW_KINDS } from './rows.js';

/** A line for each row: both medians, the change and its interval, and whether that is more than noise. */
export function checkTable(results: readonly RowResult[]): string {
  const head = ['row', 'unit', 'before', 'after', 'change', 'interval', ''];
  const rows = results.map((result) => {
    const { description, unit } = ROW_KINDS[result.row];
    return [
      ...[description, unit, figure(result.before), figure(result.after)],
      ...[percent(result.change), intervalOf(result), result.verdict === 'none' ? '' : result.verdict],
    ];
  });
  return table([head, ...rows]);
}

/** The last line: what got worse by more than it may. */
export function checkSummary(results: readonly RowResult[], rounds: number): string {
  const bad = results.filter(isTooBad);
  const compared = `bench:check: ${results.length} rows, ${rounds} rounds`;
  if (bad.length === 0) return `${compared}, nothing worse by more than 5 %`;
  const named = bad.map((result) => `${result.row} ${percent(result.change)} (${intervalOf(result)})`);
  return `${compared}, WORSE: ${named.join(', ')}`;
}

function intervalOf({ from, to }: RowResult): string {
  return `${percent(from)} to ${percent(to)}`;
}

/** As in `+1.2 %`. */
export function percent(part: number): string {
  const value = (part * 100).toFixed(1);
  return `${part < 0 ? '' : '+'}${value} %`;
}

function figure(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 1_000 ? 1 : 0 });
}
