/** Waits for what a caller's own function makes, within the limits of a call. */

import { AbortedError, type TimeoutError } from './client-errors.js';
import type { ClientEnvironment } from './world.js';

interface Limits {
  readonly what: string;
  readonly leftMs: number;
  readonly signal: AbortSignal | undefined;
  /** What it rejects with when the time is over. */
  readonly late: () => TimeoutError;
}

/** Resolves and rejects as the promise does. Rejects with TimeoutError or AbortedError when that takes too long. */
export function inTime<T>(
  promise: Promise<T>,
  { what, leftMs, signal, late }: Limits,
  { startTimer }: Pick<ClientEnvironment, 'startTimer'>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = () => {
      end();
      reject(new AbortedError(what, signal?.reason));
    };
    const timer = startTimer(() => {
      end();
      reject(late());
    }, leftMs);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    promise.then(resolve, reject).finally(end);
  });
}
