/** What the clients saw, looked at as a whole. */

import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { checkLinearizability } from '../../../tools/linearizability/checker.js';
import type { Operation } from '../../../tools/linearizability/history.js';

/** Two seconds at most. A history that needs more is left unjudged, and the run says so. */
const LIMITS = { perOperation: 100, besides: 20_000, bytes: 500_000_000 };

/** Whether the history could be judged. Throws PropertyViolation if it is not linearizable. */
export function isJudged(operations: readonly Operation[]): boolean {
  const violations = checkLinearizability(operations, LIMITS);
  const violation = violations.find(({ isCertain }) => isCertain);
  if (violation === undefined) return violations.length === 0;
  const [stuck] = violation.stuck;
  const last = violation.ordered.at(-1);
  const what = `key ${violation.key}: ${JSON.stringify(stuck)} fits nowhere after ${violation.ordered.length} others, the last of which is ${JSON.stringify(last)}`;
  throw new PropertyViolation('linearizability', what);
}
