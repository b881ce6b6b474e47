/**
 * How the work of a transaction is counted against its limit. A log must be replayed as it was applied at first, so each entry
 * says by which rule: rules are added, and never changed.
 */

import { BatchError } from '../protocol/command.js';
import { MAX_TRANSACTION_WORK } from '../redis-limits.js';

export interface WorkRule {
  readonly maxUnits: number;
  /** For each command, besides what it counts by itself: what is kept to undo it, and its garbage. */
  readonly commandUnits: number;
  /** Whether reading the commands counts. */
  readonly countsReading: boolean;
}

/** Holds in entries that name no rule. */
export const FIRST_RULE: WorkRule = { maxUnits: 200_000_000, commandUnits: 0, countsReading: false };

/** By the numbers that entries name. */
const RULES: readonly WorkRule[] = [
  FIRST_RULE,
  { maxUnits: MAX_TRANSACTION_WORK, commandUnits: 2_700, countsReading: true },
];

/** What new entries name. */
export const LATEST_RULE = RULES.length - 1;

/** Throws BatchError for an entry of a later version. */
export function ruleOf(number: number): WorkRule {
  const rule = RULES[number];
  if (rule === undefined)
    throw new BatchError(
      `there is no rule ${number} for the work of transactions: start the version of threadraft that wrote this log, or a later one`,
    );
  return rule;
}
