/**
 * Time counted in short sleeps, one after the other. On a machine that is busy with other things each of them takes longer, as
 * does all that is measured; so a bound in these ms says what a program waits for, and holds on any machine.
 */

import { setTimeout as pause } from 'node:timers/promises';

const BEAT_MS = 10;

/** What the work resolves to, and how many ms of sleep fitted into its time. */
export async function measureInBeats<T>(
  work: Promise<T>,
): Promise<{ readonly result: T; readonly ms: number }> {
  let isOver = false;
  let beats = 0;
  const counting = (async () => {
    while (!isOver) {
      await pause(BEAT_MS);
      beats += 1;
    }
  })();
  try {
    return { result: await work, ms: beats * BEAT_MS };
  } finally {
    isOver = true;
    await counting;
  }
}
