/**
 * What a disk, or the operating system, lacks for a while and may have again: room, memory, descriptors. Such an error says
 * that nothing happened, or only a first part, so the same is tried again. Errors of the disk itself (EIO, EROFS ...) are not.
 *
 * A sync that failed is never tried by itself again: what it was to cover may be lost by then, whatever the next one says
 * (files.ts). What it was for is written again as a whole, or given up.
 */

import { systemCodeOf } from './system-errors.js';

const LACKS: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EAGAIN',
  // A disk that is nearly full takes a first part of the bytes, and says why only when it is asked again.
  'SHORT_WRITE',
]);
const LACKS_OF_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'SHORT_WRITE']);

/** Whether the error says that something is lacking that may come back. */
export function isLack(error: unknown): boolean {
  return LACKS.has(systemCodeOf(error) ?? '');
}

/** Whether it is room on the disk that is lacking. */
export function isLackOfRoom(error: unknown): boolean {
  return LACKS_OF_ROOM.has(systemCodeOf(error) ?? '');
}

/** Who waits while something is lacking. */
export interface Patience {
  /** Resolves when it is to be tried again. Rejects when it is to be given up. */
  wait(cause: unknown): Promise<void>;
  /** What was lacking is there. */
  over(): void;
}

export class LackRetries {
  #patience: Patience | undefined;

  /** From now on what is lacking is waited for. Before, it is an error like any other. */
  waitWith(patience: Patience): void {
    this.#patience = patience;
  }

  /** Tries until it succeeds or fails otherwise. Each try must do the whole again, whatever was left of the one before. */
  async insist<T>(attempt: (lack: unknown) => Promise<T>): Promise<T> {
    try {
      return await attempt(undefined);
    } catch (error) {
      return this.insistAfter(error, attempt);
    }
  }

  /** The same after a first try that failed with this error. Each further one is told the error of the one before. */
  async insistAfter<T>(firstError: unknown, attempt: (lack: unknown) => Promise<T>): Promise<T> {
    const patience = this.#patience;
    if (patience === undefined || !isLack(firstError)) throw firstError;
    for (let lack = firstError; ; ) {
      await patience.wait(lack);
      try {
        const result = await attempt(lack);
        patience.over();
        return result;
      } catch (error) {
        if (!isLack(error)) throw error;
        lack = error;
      }
    }
  }
}
