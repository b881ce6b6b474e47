/** A server's thread. The pool runs it as one task that lasts as long as the server does. */
export { runServer as default } from '../src/server/run-server.js';
