/** Deadlines as commands give them. */

import { invalidExpireTime, NOT_AN_INTEGER } from '../../protocol/resp/error-replies.js';
import { isInteger64, parseInteger } from '../../protocol/resp/numbers.js';
import type { ErrorReply } from '../../protocol/resp/value.js';
import type { ReadableKeyspace } from './keyspace.js';

/** A duration, or a time since the epoch. */
export type ExpiryUnit = 's' | 'ms' | 's-at' | 'ms-at';

/** Later ones are refused: a deadline stays a whole number of ms that a double holds. */
const MAX_DEADLINE_MS = BigInt(Number.MAX_SAFE_INTEGER);

const MS_PER_S = 1000n;

/** Stands for every time before the epoch, and for the epoch: a key without a deadline says 0. */
const PAST = -1;

interface Expiry {
  readonly unit: ExpiryUnit;
  /** The command, for the error. */
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
  const amount = parseInteger(amountText);
  if (amount === undefined) return NOT_AN_INTEGER;
  if (mustBePositive && amount <= 0n) return invalidExpireTime(command);
  const amountMs = unit === 's' || unit === 's-at' ? amount * MS_PER_S : amount;
  if (!isInteger64(amountMs)) return invalidExpireTime(command);
  const deadlineMs = unit === 's' || unit === 'ms' ? BigInt(Math.floor(nowMs)) + amountMs : amountMs;
  if (deadlineMs > MAX_DEADLINE_MS) return invalidExpireTime(command);
  return deadlineMs <= 0n ? PAST : Number(deadlineMs);
}
