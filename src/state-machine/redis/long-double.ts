/**
 * The floats that INCRBYFLOAT adds: 80 bits wide, as on the processors that Redis runs on, computed with integers so that
 * every server gets the same.
 */

/** `mantissa` times two to the power of `exponent`; the mantissa has 64 bits at most, and a sign. */
export interface LongDouble {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const MANTISSA_BITS = 64;
/** Of the lowest bit that a float may have, and beyond the highest. */
const MIN_EXPONENT = -16_445;
const MAX_EXPONENT = 16_384;

/** A decimal number whose first digit stands further from the point than these is too large, or too small. */
const MAX_DECIMAL_PLACES = 4_934;
const MIN_DECIMAL_PLACES = -4_970;

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i;
const HEXADECIMAL = /^([+-]?)0x([\da-f]*)\.?([\da-f]*)(?:p([+-]?\d+))?$/i;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** Longer texts are no numbers, as in Redis. */
const MAX_CHARS = 5 * 1024;
const FRACTION_DIGITS = 17;

const ZERO: LongDouble = { mantissa: 0n, exponent: 0 };

/** The nearest float, `infinite`, or undefined for what is no number, or is too large or too small for one. */
export function parseLongDouble(text: string): LongDouble | 'infinite' | undefined {
  if (text.length >= MAX_CHARS) return undefined;
  if (INFINITE.test(text)) return 'infinite';
  return parseDecimal(text) ?? parseHexadecimal(text);
}

function parseDecimal(text: string): LongDouble | undefined {
  const parts = DECIMAL.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = parts;
  if (whole === '' && fraction === '') return undefined;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return ZERO;
  const exponent = Number(exponentText) - fraction.length;
  const places = digits.length + exponent;
  if (places > MAX_DECIMAL_PLACES || places < MIN_DECIMAL_PLACES) return undefined;
  const magnitude = BigInt(digits);
  const value =
    exponent >= 0
      ? rounded(magnitude * 10n ** BigInt(exponent), 1n, 0)
      : rounded(magnitude, 10n ** BigInt(-exponent), 0);
  return withSign(sign, value);
}

function parseHexadecimal(text: string): LongDouble | undefined {
  const parts = HEXADECIMAL.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = parts;
  if (whole === '' && fraction === '') return undefined;
  return withSign(
    sign,
    rounded(BigInt(`0x${whole}${fraction}`), 1n, Number(exponentText) - 4 * fraction.length),
  );
}

/** Undefined for a number that comes to zero although it is none, or is too large. */
function withSign(sign: string, value: LongDouble | 'infinite' | 'vanished'): LongDouble | undefined {
  if (value === 'infinite' || value === 'vanished') return undefined;
  return sign === '-' ? { ...value, mantissa: -value.mantissa } : value;
}

export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | 'infinite' {
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  const value = rounded(sum < 0n ? -sum : sum, 1n, exponent);
  if (value === 'infinite') return value;
  if (value === 'vanished') return ZERO;
  return sum < 0n ? { ...value, mantissa: -value.mantissa } : value;
}

/** With as many digits after the point as needed, 17 at most, and never with an exponent. */
export function formatLongDouble({ mantissa, exponent }: LongDouble): string {
  const scaled = (mantissa < 0n ? -mantissa : mantissa) * 10n ** BigInt(FRACTION_DIGITS);
  const digits = exponent >= 0 ? scaled << BigInt(exponent) : divided(scaled, 1n << BigInt(-exponent));
  if (digits === 0n) return '0';
  const text = digits.toString().padStart(FRACTION_DIGITS + 1, '0');
  const fraction = text.slice(-FRACTION_DIGITS).replace(/0+$/, '');
  return `${mantissa < 0n ? '-' : ''}${text.slice(0, -FRACTION_DIGITS)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The float that is nearest to `numerator / denominator * 2^exponent`, which is not negative. */
function rounded(
  numerator: bigint,
  denominator: bigint,
  exponent: number,
): LongDouble | 'infinite' | 'vanished' {
  if (numerator === 0n) return ZERO;
  const bits = bitLength(numerator) - bitLength(denominator) + exponent;
  if (bits > MAX_EXPONENT + 1) return 'infinite';
  if (bits < MIN_EXPONENT - 2) return 'vanished';
  // The number has as many bits as the lengths say, or one more.
  const hasMore = comparesLess(denominator, numerator, exponent - bits);
  const lowest = Math.max(bits + (hasMore ? 1 : 0) - MANTISSA_BITS, MIN_EXPONENT);
  const mantissa = quotient(numerator, denominator, exponent - lowest);
  if (mantissa === 0n) return 'vanished';
  return bitLength(mantissa) + lowest > MAX_EXPONENT ? 'infinite' : { mantissa, exponent: lowest };
}

/** Whether `denominator <= numerator * 2^shift`. */
function comparesLess(denominator: bigint, numerator: bigint, shift: number): boolean {
  return shift >= 0 ? denominator <= numerator << BigInt(shift) : denominator << BigInt(-shift) <= numerator;
}

function quotient(numerator: bigint, denominator: bigint, shift: number): bigint {
  return shift >= 0
    ? divided(numerator << BigInt(shift), denominator)
    : divided(numerator, denominator << BigInt(-shift));
}

/** Rounded to the nearest whole number, halves to an even one. */
function divided(numerator: bigint, denominator: bigint): bigint {
  const whole = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  const isUp = twice > denominator || (twice === denominator && (whole & 1n) === 1n);
  return isUp ? whole + 1n : whole;
}

function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return 4 * hex.length - Math.clz32(Number.parseInt(hex[0] ?? '0', 16)) + 28;
}
