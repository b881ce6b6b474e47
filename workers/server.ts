/** A server's thread. The pool runs it as one task that lasts as long as the server does. */

import { runServer } from '../src/server/run-server.js';
import type { ServerStart } from '../src/wire/control.js';

/**
 * A server that fails takes its thread with it: an error that nobody catches ends the thread, whatever is left
 * running in it, and reaches the main thread with its code, which an error loses as the result of a task.
 */
export default async function serve(start: ServerStart): Promise<void> {
  try {
    await runServer(start);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    await new Promise<never>(() => {});
  }
}
