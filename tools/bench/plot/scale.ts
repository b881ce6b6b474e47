/** Where values lie along an axis, and at which of them it has a tick. */

export interface Scale {
  readonly ticks: readonly number[];
  /** 0 at the axis' start, 1 at its end. */
  place(value: number): number;
}

/** From this ratio of the greatest to the least value on, a scale is logarithmic. */
const LOGARITHMIC_FROM = 10;
const MOST_STEPS = 6;
const MOST_LOGARITHMIC_TICKS = 10;
/** Of the axis: ticks that are closer would have labels that overlap. */
const LEAST_TICK_DISTANCE = 0.09;
const ROUND_FACTORS = [1, 2, 5];

/** For what is measured: ends at round values, from 0 on unless it is logarithmic. Needs a value above 0. */
export function roundScale(values: readonly number[]): Scale {
  const most = Math.max(...values);
  return isLogarithmic(values) ? roundLogarithmic(Math.min(...values), most) : roundLinear(most);
}

/** For what was chosen: ends at the values themselves, which are its ticks, too. Needs a value. */
export function exactScale(values: readonly number[]): Scale {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const [least = 0] = sorted;
  const most = sorted.at(-1) ?? least;
  if (least === most) return { ticks: sorted, place: () => 0.5 };
  const place = isLogarithmic(values) ? logarithmic(least, most) : linear(least, most);
  const ticks: number[] = [];
  for (const value of sorted) {
    const before = ticks.at(-1);
    if (before === undefined || place(value) - place(before) >= LEAST_TICK_DISTANCE) ticks.push(value);
  }
  return { ticks, place };
}

function isLogarithmic(values: readonly number[]): boolean {
  const least = Math.min(...values);
  return least > 0 && Math.max(...values) / least >= LOGARITHMIC_FROM;
}

function roundLinear(most: number): Scale {
  const leastStep = most / MOST_STEPS;
  const step = roundNumbers(leastStep, most).find((number) => number >= leastStep) ?? most;
  const steps = Math.ceil(most / step);
  const ticks = Array.from({ length: steps + 1 }, (_, i) => i * step);
  return { ticks, place: linear(0, steps * step) };
}

function roundLogarithmic(least: number, most: number): Scale {
  const numbers = roundNumbers(least, most);
  const from = numbers.findLast((number) => number <= least) ?? least;
  const to = numbers.find((number) => number >= most) ?? most;
  const isWithin = (number: number) => number >= from && number <= to;
  const ticks = numbers.filter(isWithin);
  const powers = roundNumbers(least, most, [1]).filter(isWithin);
  return { ticks: ticks.length > MOST_LOGARITHMIC_TICKS ? powers : ticks, place: logarithmic(from, to) };
}

/** Ascending, with one at least that is no greater than `least`, and one that is no less than `most`. */
function roundNumbers(least: number, most: number, factors = ROUND_FACTORS): number[] {
  const first = Math.floor(Math.log10(least));
  const count = Math.ceil(Math.log10(most)) - first + 1;
  return Array.from({ length: count }, (_, i) => 10 ** (first + i)).flatMap((power) =>
    factors.map((factor) => factor * power),
  );
}

function logarithmic(from: number, to: number): (value: number) => number {
  return (value) => Math.log(value / from) / Math.log(to / from);
}

function linear(from: number, to: number): (value: number) => number {
  return (value) => (value - from) / (to - from);
}
