/** The wall clock is set, as by an operator or a time server, forwards and backwards. */

import type { FaultAction } from './faults.js';

const S = 1_000;
const HOUR = 3_600 * S;
/** How far it is set. */
const STEPS_MS = [-24 * HOUR, -HOUR, -10 * S, -S, S, 10 * S, HOUR, 24 * HOUR];

/** It is set, set again, and right again. */
export const stepClock: FaultAction = async ({ site, random, begin, hold }) => {
  const stepsMs = [random.of(STEPS_MS), random.of(STEPS_MS)];
  begin(`clock is wrong by ${stepsMs.map((stepMs) => `${stepMs / S} s`).join(', then by ')}`);
  for (const stepMs of stepsMs) {
    await site.setClock(stepMs);
    await hold();
  }
  await site.setClock(0);
};
