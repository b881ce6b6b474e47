/**
 * The few names of the browser that comlink's types refer to and Node's do not declare, and its adapter for Node's
 * ports, whose types it ships under another name.
 */

import type * as workers from 'node:worker_threads';

declare global {
  type Transferable = workers.TransferListItem;
  type EventListenerOrEventListenerObject = ((event: Event) => void) | { handleEvent(event: Event): void };
  interface MessagePort extends workers.MessagePort {}
}
