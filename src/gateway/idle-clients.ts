/**
 * Clients that do nothing for long, if they are not to stay: they are looked at now and then, so that nobody who does something
 * pays for it.
 */

import type { Environment } from '../environment.js';
import type { Connection } from './connections.js';

/** How often in a timeout they are looked at. */
const LOOKS_PER_TIMEOUT = 4;

/** What had come and gone when a connection last did something. */
interface Look {
  readonly byteCount: number;
  readonly atMs: number;
}

/**
 * Closes each connection on which nothing came or went for the timeout, and a quarter of it more at the latest, unless an answer
 * is due, or the client is subscribed to something. Returns what ends that.
 */
export function closeIdleClients(
  environment: Pick<Environment, 'nowMs' | 'startTimer'>,
  timeoutMs: number,
  connections: () => Iterable<Connection>,
): () => void {
  let looks = new Map<Connection, Look>();
  const look = () => {
    const nowMs = environment.nowMs();
    const next = new Map<Connection, Look>();
    for (const connection of [...connections()]) {
      const byteCount = connection.client.inBytes + connection.client.outBytes;
      const last = looks.get(connection);
      const isSame = last?.byteCount === byteCount && !connection.unanswered.isAwaited;
      if (isSame && nowMs - last.atMs >= timeoutMs) connection.client.destroy();
      else next.set(connection, isSame ? last : { byteCount, atMs: nowMs });
    }
    looks = next;
    timer = environment.startTimer(look, timeoutMs / LOOKS_PER_TIMEOUT);
  };
  let timer = environment.startTimer(look, timeoutMs / LOOKS_PER_TIMEOUT);
  return () => timer.cancel();
}
