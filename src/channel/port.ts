/** The part of a MessagePort that a channel uses. The simulator joins its servers by ports of its own. */

import type { Transferable } from 'node:worker_threads';

export interface Port {
  /** Posts a clone of the value, without what is transferred: that is of no use here any more. */
  postMessage(value: unknown, transfer?: readonly Transferable[]): void;
  /** Messages are handed out from now on, in the order in which they were posted. */
  on<T>(event: 'message', listener: (value: T) => void): unknown;
  off<T>(event: 'message', listener: (value: T) => void): unknown;
  /** Either end was closed, or the other one's thread has ended. */
  once(event: 'close', listener: () => void): unknown;
  close(): void;
  /** Whether it keeps the thread alive; false once it is closed, if it was listened to. */
  hasRef?(): boolean;
}
