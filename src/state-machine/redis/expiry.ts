/** Deadlines as commands give them. */

import { invalidExpireTime, NOT_AN_INTEGER } from '../../protocol/resp/errors.js';
import { parseInteger } from '../../protocol/resp/numbers.js';
import type { ErrorReply } from '../../protocol/resp/value.js';
import type { ReadableKeyspace } from './keyspace.js';

/** A duration, or a time since the epoch. */
export type ExpiryUnit = 's' | 'ms' | 's-at' | 'ms-at';

/** Later ones are refused: a deadline stays a whole number of ms that a double holds. */
const MAX_DEADLINE_MS = Number.MAX_SAFE_INTEGER;

interface Expiry {
  readonly unit: ExpiryUnit;
  /** Named in the error. */
  readonly command: string;
  /** Whether 0 and less are errors rather than the past. */
  readonly mustBePositive: boolean;
}

/** The deadline in ms since the epoch, never 0; or why there is none. */
export function deadlineOf(
  { nowMs }: ReadableKeyspace,
  amountText: string,
  { unit, command, mustBePositive }: Expiry,
): number | ErrorReply {
  const exact = parseInteger(amountText);
  if (exact === undefined) return NOT_AN_INTEGER;
  const amount = Number(exact);
  if (mustBePositive && amount <= 0) return invalidExpireTime(command);
  const amountMs = unit === 's' || unit === 's-at' ? amount * 1000 : amount;
  const deadlineMs = unit === 's' || unit === 'ms' ? Math.floor(nowMs) + amountMs : amountMs;
  if (Math.abs(deadlineMs) > MAX_DEADLINE_MS) return invalidExpireTime(command);
  // A key without a deadline says 0; any time that has passed will do as well.
  return deadlineMs === 0 ? -1 : deadlineMs;
}
