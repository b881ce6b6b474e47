/**
 * Loaded into the program before anything else (`node --import`), in each of its threads: has the wall clock differ from the
 * machine's by the ms that stand in the file which the environment variable `CHAOS_CLOCK` names; by none without the file.
 */

import { readFileSync } from 'node:fs';

/** So old may be what was read of the file. */
const FRESH_MS = 10;

const { CHAOS_CLOCK: path } = process.env;
if (path !== undefined) skewClock(path);

function skewClock(file: string): void {
  const { now } = Date;
  let offsetMs = 0;
  let readAtMs = Number.NEGATIVE_INFINITY;
  const skewed = () => {
    const nowMs = performance.now();
    if (nowMs - readAtMs >= FRESH_MS) {
      offsetMs = offsetIn(file);
      readAtMs = nowMs;
    }
    return now() + offsetMs;
  };
  Object.defineProperty(Date, 'now', { value: skewed });
}

function offsetIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}
