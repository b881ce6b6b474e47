/** How a connection ends to which a long body comes: it gets its answer, is not read any more, and is closed a while later. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { FAREWELL_MS } from './admin-limits.js';
import { hasLongBody } from './target.js';

/**
 * Has the connection end with the answer when the request has a long body. Otherwise Node would read what nobody has read of the
 * body, to its end, at full speed.
 */
export function leaveAfterLongBody(request: IncomingMessage, response: ServerResponse): void {
  if (!hasLongBody(request)) return;
  const { socket } = request;
  response.shouldKeepAlive = false;
  // What Node calls once all of the answer is written.
  socket.destroySoon = () => leave(socket);
}

function leave(socket: Socket): void {
  // Node has it go on when it throws away the body.
  socket.resume = () => socket;
  socket.pause();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.once('close', () => clearTimeout(timer));
}
