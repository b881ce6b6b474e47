/**
 * Two sides measured in turns, and which rows moved.
 *
 * A round measures each side once, and which one comes first alternates: a slow minute of the machine falls on both, and
 * what the second of a round gains or loses by its place falls out. What is judged are the ratios within rounds.
 */

import { median } from '../../support/statistics.js';
import { type Figures, ROW_KINDS, type Row } from './rows.js';
import { signedRankEstimate, valuesNeeded } from './signed-rank.js';

/** The two sides of a comparison. */
export type Side = 'before' | 'after';

export interface Round {
  readonly before: Figures;
  readonly after: Figures;
}

export interface RowResult {
  readonly row: Row;
  /** Medians over all rounds. */
  readonly before: number;
  readonly after: number;
  /** Changes from `before` to `after` in parts of `before`: 0.1 is a tenth more. */
  readonly change: number;
  readonly from: number;
  readonly to: number;
  readonly verdict: Verdict;
}

/** `none`: no change beyond noise. */
export type Verdict = 'better' | 'worse' | 'none';

/** How often a run may find some row moved when in truth none did. */
const FALSE_ALARMS = 0.05;
/** A row may get worse by this part. */
const TOLERANCE = 0.05;

/** Rounds that it takes to find any of this many rows moved. */
export function roundsNeeded(rows: number): number {
  return valuesNeeded(FALSE_ALARMS / rows);
}

/**
 * Measures until there are enough rounds, or no more time, but {@link roundsNeeded} in any case. Rejects as `measure` does.
 *
 * @param isLate whether no further round should begin
 * @param onRound is called after each round with its number, from 1 on
 */
export async function measureInTurns(
  rounds: number,
  measure: (side: Side) => Promise<Figures>,
  isLate: (rounds: number) => boolean,
  onRound: (round: Round, number: number) => void,
): Promise<Round[]> {
  const measured: Round[] = [];
  while (measured.length < rounds && !isLate(measured.length)) {
    const round = await measureRound(measure, measured.length % 2 === 0 ? 'before' : 'after');
    measured.push(round);
    onRound(round, measured.length);
  }
  return measured;
}

async function measureRound(measure: (side: Side) => Promise<Figures>, first: Side): Promise<Round> {
  if (first === 'before') {
    const before = await measure('before');
    return { before, after: await measure('after') };
  }
  const after = await measure('after');
  return { before: await measure('before'), after };
}

/** What became of each row. Throws RangeError for fewer rounds than {@link roundsNeeded}. */
export function compare(rounds: readonly Round[], rows: readonly Row[]): RowResult[] {
  return rows.map((row) => {
    const before = rounds.map((round) => figureOf(round.before, row));
    const after = rounds.map((round) => figureOf(round.after, row));
    const logRatios = after.map((value, place) => Math.log(value / (before[place] ?? Number.NaN)));
    // Each row gets its part of the false alarms (Bonferroni).
    const estimate = signedRankEstimate(logRatios, FALSE_ALARMS / rows.length);
    const [change, from, to] = [estimate.middle, estimate.from, estimate.to].map(Math.expm1);
    const result = { change: change ?? 0, from: from ?? 0, to: to ?? 0 };
    return { row, before: median(before), after: median(after), ...result, verdict: verdictOf(row, result) };
  });
}

/** Whether a row got worse by more than is tolerated, and that is no noise. */
export function isTooBad({ verdict, change }: RowResult): boolean {
  return verdict === 'worse' && Math.abs(change) > TOLERANCE;
}

function verdictOf(row: Row, { from, to }: Pick<RowResult, 'from' | 'to'>): Verdict {
  if (from <= 0 && to >= 0) return 'none';
  return from > 0 === (ROW_KINDS[row].better === 'more') ? 'better' : 'worse';
}

function figureOf(figures: Figures, row: Row): number {
  const figure = figures.get(row);
  if (figure === undefined) throw new RangeError(`${row} was not measured`);
  return figure;
}
