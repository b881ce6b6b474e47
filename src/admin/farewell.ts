/** How a connection ends to which a long body comes: it gets its answer, is not parsed any more, and is closed a while later. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AdminConnection, connectionOf } from './admin-connection.js';
import { FAREWELL_MS } from './admin-limits.js';
import { hasLongBody } from './target.js';

/**
 * Has the connection end with the answer when the request has a long body. Otherwise Node would read what nobody has read of the
 * body, to its end, at full speed.
 */
export function leaveAfterLongBody(request: IncomingMessage, response: ServerResponse): void {
  if (!hasLongBody(request)) return;
  const connection = connectionOf(request);
  response.shouldKeepAlive = false;
  // What Node calls once all of the answer is written.
  connection.destroySoon = () => leave(connection);
}

function leave(connection: AdminConnection): void {
  // Node has it go on when it throws away the body.
  connection.resume = () => connection;
  connection.pause();
  connection.discard();
  connection.end();
  const timer = setTimeout(() => connection.destroy(), FAREWELL_MS);
  connection.once('close', () => clearTimeout(timer));
}
