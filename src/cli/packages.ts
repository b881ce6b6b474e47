/**
 * The packages that the program needs for its start, loaded before V8's flags are set: no failover waits for them, so they are
 * compiled as they are called, which takes a third of the memory.
 */

import 'comlink';
import 'comlink/dist/esm/node-adapter.mjs';
import 'commander';
import 'leven';
import 'pino';
import 'pino-pretty';
import 'piscina';
