/** The middle one of the values, the upper of two. Throws RangeError for none. */
export function median(values: readonly number[]): number {
  return at(values, 0.5);
}

/** The value that a fraction of the values, in [0, 1), lies below. Throws RangeError for none. */
export function at(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.floor(sorted.length * fraction)];
  if (value === undefined) throw new RangeError('there are no values');
  return value;
}
