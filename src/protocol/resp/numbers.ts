/** Numbers as Redis reads and writes them. */

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;
const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;

export function isInteger64(value: bigint): boolean {
  return value >= MIN_INTEGER && value <= MAX_INTEGER;
}

/** A 64-bit integer in its only spelling; undefined for anything else. */
export function parseInteger(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = BigInt(text);
  return isInteger64(value) ? value : undefined;
}

/** An integer of fewer digits is one that a double holds exactly. */
const SAFE_DIGITS = 16;

/** An integer that a double holds exactly; undefined for anything else. */
export function parseSafeInteger(text: string): number | undefined {
  if (text.length < SAFE_DIGITS) return INTEGER.test(text) ? Number(text) : undefined;
  const value = parseInteger(text);
  if (value === undefined) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A 64-bit integer as a number, for offsets into a string; may be rounded. Undefined for anything else. */
export function parseOffset(text: string): number | undefined {
  const value = parseInteger(text);
  return value === undefined ? undefined : Number(value);
}
