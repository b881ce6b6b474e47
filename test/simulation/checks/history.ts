/** What the clients saw, looked at as a whole. */

import { PropertyViolation } from '../../../src/raft/property-violation.js';
import { checkLinearizability } from '../../../tools/linearizability/checker.js';
import type { Operation } from '../../../tools/linearizability/history.js';

/** Throws PropertyViolation unless it is linearizable. */
export function checkHistory(operations: readonly Operation[]): void {
  const [violation] = checkLinearizability(operations);
  if (violation === undefined) return;
  const [stuck] = violation.stuck;
  const last = violation.ordered.at(-1);
  const what = `key ${violation.key}: ${JSON.stringify(stuck)} fits nowhere after ${violation.ordered.length} others, the last of which is ${JSON.stringify(last)}`;
  throw new PropertyViolation(violation.isCertain ? 'linearizability' : 'search given up', what);
}
