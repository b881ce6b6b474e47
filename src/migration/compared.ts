/** What is compared of a key at two places. */

import { createHash } from 'node:crypto';
import { isLive, type MigratedRecord } from './record.js';

/** Of a key whose name the text protocol does not take, a cluster does not tell the version. */
export type Compared = Pick<MigratedRecord, 'value' | 'deadlineMs'> & {
  readonly version: number | undefined;
};

/** A key whose time is over this soon may be gone at one place, and there at the other: their clocks differ. */
const CLOCK_SLACK_MS = 1_000;

/** A longer value stands as its SHA-256, so that many have room. */
const LONG_VALUE_BYTES = 64;

/** How the key differs there; undefined if both are the same, or past their deadlines. */
export function differenceOf(
  here: Compared | undefined,
  there: Compared | undefined,
  nowMs: number,
): string | undefined {
  const lives = (one: Compared | undefined) => one !== undefined && isLive(one, nowMs + CLOCK_SLACK_MS);
  if (!lives(here) && !lives(there)) return undefined;
  if (there === undefined) return 'is missing there';
  if (here === undefined) return 'is there alone';
  const isSame =
    here.value === there.value &&
    here.deadlineMs === there.deadlineMs &&
    (here.version === undefined || here.version === there.version);
  return isSame ? undefined : 'is another one there';
}

export function shortened(value: string): string {
  if (value.length <= LONG_VALUE_BYTES) return value;
  return createHash('sha256').update(value, 'latin1').digest('hex');
}
