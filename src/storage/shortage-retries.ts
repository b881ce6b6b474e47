/**
 * Retries of file operations that failed for a shortage: the disk or the operating system is out of space, memory or
 * descriptors, and may have some again soon. Such an error means that nothing was done, or only a first part, so the whole
 * is tried again. Errors of the disk itself (EIO, EROFS ...) are no shortage, and are not retried.
 *
 * A sync that failed is never retried alone: the bytes that it should have made durable may be lost by then, even if the next
 * sync succeeds (files.ts). They are written again as a whole, or given up.
 */

import { systemCodeOf } from './system-errors.js';

const SHORTAGES: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EAGAIN',
  // A disk that is nearly full takes a first part of the bytes, and says why only when it is asked again.
  'SHORT_WRITE',
]);
const SPACE_SHORTAGES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'SHORT_WRITE']);

/** Whether the error is a shortage, which may pass. */
export function isShortage(error: unknown): boolean {
  return SHORTAGES.has(systemCodeOf(error) ?? '');
}

/** Whether the error is a shortage of space on the disk. */
export function isSpaceShortage(error: unknown): boolean {
  return SPACE_SHORTAGES.has(systemCodeOf(error) ?? '');
}

/** Says how long to wait between two tries while a shortage lasts. */
export interface Backoff {
  /** Resolves when the next try is due. Rejects with `cause` when no more tries shall be made. */
  wait(cause: unknown): Promise<void>;
  /** A try has succeeded: the shortage is over. */
  over(): void;
}

export class ShortageRetries {
  #backoff: Backoff | undefined;

  /** Retries from now on. Before this call, a shortage is an error like any other. */
  retryWith(backoff: Backoff): void {
    this.#backoff = backoff;
  }

  /** Tries until a try succeeds, or fails for something else. Each try must do the whole again, whatever the last one left. */
  async retry<T>(attempt: (shortage: unknown) => Promise<T>): Promise<T> {
    try {
      return await attempt(undefined);
    } catch (error) {
      return this.retryAfter(error, attempt);
    }
  }

  /** As {@link retry}, after a first try that failed with `firstError`. Each further try gets the error of the last one. */
  async retryAfter<T>(firstError: unknown, attempt: (shortage: unknown) => Promise<T>): Promise<T> {
    const backoff = this.#backoff;
    if (backoff === undefined || !isShortage(firstError)) throw firstError;
    for (let shortage = firstError; ; ) {
      await backoff.wait(shortage);
      try {
        const result = await attempt(shortage);
        backoff.over();
        return result;
      } catch (error) {
        if (!isShortage(error)) throw error;
        shortage = error;
      }
    }
  }
}
