/** Whether turns keep to their limits, whatever clients send. */

import { APPLY_WORK_PER_TURN, MAX_VALUE_BYTES } from '../../../src/limits.js';
import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import { WALK_WORK_PER_TURN } from '../../../src/redis-limits.js';
import type { Server } from '../../../src/server/server.js';

/** The last step of either kind may go beyond: it copies a value of the largest size, three times. */
const MAX_TURN_UNITS = APPLY_WORK_PER_TURN + WALK_WORK_PER_TURN + 2 * 3 * MAX_VALUE_BYTES;

/** Throws PropertyViolation when the server has done more in its last turn than it may. */
export function checkTurn({ turns, raft }: Server): void {
  if (turns.lastUnits > MAX_TURN_UNITS)
    throw new PropertyViolation(
      'bounded turns',
      `server ${raft.id} did ${turns.lastUnits} units of work in a turn, where ${MAX_TURN_UNITS} is the limit`,
    );
}
