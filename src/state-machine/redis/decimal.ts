/**
 * Decimal numbers, added exactly: 0.1 and 0.2 make 0.3, the same on every server.
 *
 * Redis adds 80-bit floats and writes them with 17 digits after the point. Where Redis gets a sum right, it is the same here.
 */

/** `digits` divided by ten to the power of `scale`, which is not negative. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** Longer texts are no numbers, as in Redis. */
const MAX_CHARS = 5 * 1024;
/** The largest exponent of an 80-bit float. */
const MAX_EXPONENT = 4932;
const MAX_FRACTION_DIGITS = 17;

/** A finite number, `infinite`, or undefined for what is no number. */
export function parseDecimal(text: string): Decimal | 'infinite' | undefined {
  if (text.length > MAX_CHARS) return undefined;
  if (INFINITE.test(text)) return 'infinite';
  const parts = DECIMAL.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = parts;
  if (whole === '' && fraction === '') return undefined;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > MAX_EXPONENT) return undefined;
  const magnitude = BigInt(whole + fraction);
  const digits = sign === '-' ? -magnitude : magnitude;
  const scale = fraction.length - exponent;
  return scale >= 0 ? { digits, scale } : { digits: digits * tenTo(-scale), scale: 0 };
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { digits: a.digits * tenTo(scale - a.scale) + b.digits * tenTo(scale - b.scale), scale };
}

/** With as many digits after the point as needed, 17 at most, and never with an exponent. */
export function formatDecimal(decimal: Decimal): string {
  const { digits, scale } = rounded(decimal);
  const sign = digits < 0n ? '-' : '';
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  const point = text.length - scale;
  const fraction = text.slice(point).replace(/0+$/, '');
  return `${sign}${text.slice(0, point)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Rounded to 17 digits after the point, halves away from zero. */
function rounded({ digits, scale }: Decimal): Decimal {
  if (scale <= MAX_FRACTION_DIGITS) return { digits, scale };
  const unit = tenTo(scale - MAX_FRACTION_DIGITS);
  const half = digits < 0n ? -unit / 2n : unit / 2n;
  return { digits: (digits + half) / unit, scale: MAX_FRACTION_DIGITS };
}

function tenTo(power: number): bigint {
  return 10n ** BigInt(power);
}
