/** Threads as the operating system schedules them, where Node lets one tell which is which: on Linux. */

import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';

const OWN_THREAD = '/proc/thread-self';

/** The number of the calling thread; undefined where it cannot be told. */
export function osThreadId(): number | undefined {
  try {
    return Number(basename(readlinkSync(OWN_THREAD)));
  } catch {
    return undefined;
  }
}

/** Has a thread of this process run when hardly any other wants to. Does nothing where that cannot be done. */
export function lowerPriority(threadId: number): void {
  try {
    setPriority(threadId, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended, or is none of ours.
  }
}
