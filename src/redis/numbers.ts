/** Numbers as Redis reads and writes them. */

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;
const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

export function isInteger64(value: bigint): boolean {
  return value >= MIN_INTEGER && value <= MAX_INTEGER;
}

/** A 64-bit integer in its only spelling; undefined for anything else. */
export function parseInteger(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = BigInt(text);
  return isInteger64(value) ? value : undefined;
}

/** An integer that a double holds exactly; undefined for anything else. */
export function parseSafeInteger(text: string): number | undefined {
  const value = parseInteger(text);
  if (value === undefined) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A finite number; undefined for anything else. */
export function parseFloat64(text: string): number | undefined {
  if (!FLOAT.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

const MAX_FRACTION_DIGITS = 17;

/** The shortest digits that make this number again, never with an exponent. */
export function formatFloat(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  if (Math.abs(value) >= 1) return BigInt(value).toString();
  return value.toFixed(MAX_FRACTION_DIGITS).replace(/\.?0+$/, '');
}
