/**
 * The flags of V8 that the program runs with. One that embeds a cluster may want them, too: docs/performance.md says what
 * it costs to go without.
 *
 * They hold for the whole process, and for what is compiled from then on.
 *
 * The main thread's nursery was made before any of it is set: `npm start` and the program's first line tell its size to Node.
 */

import { setFlagsFromString } from 'node:v8';

/**
 * What the main thread does when a leader ends, it does for the first time, or for the first time in days. V8 would compile
 * each function when it is called, and forget it again: a third of the time of a failover.
 */
const COMPILER_FLAGS = ['--no-lazy', '--no-flush-bytecode'];

/** Servers' threads rehearse a failover instead (src/server/rehearsal.ts): what they never call takes no memory. */
const THREADS_FLAG = '--lazy';

/**
 * V8 makes objects old at once whose like have lived for long, as all do that wait while nothing goes on. From then on each
 * command is old garbage, with all that it refers to: a MiB a second at a few thousand commands.
 */
const LIFETIME_FLAG = '--no-allocation-site-pretenuring';

/**
 * V8 collects garbage again and again while a heap grows from a few MiB, which is a third of the time that a server needs
 * to restore a million keys. Threads that start after this was set begin to collect at 256 MiB.
 */
const INITIAL_HEAP_FLAG = '--initial-old-space-size=256';

/**
 * MiB of each half of the nursery. Collecting the 16 that V8 takes by itself delays one write in a hundred by a third, and they
 * are resident in each thread. Of 2, what 50 clients have in flight at depth 64 would be most. `node` may be told otherwise.
 */
const NURSERY_FLAG = '--max-semi-space-size';
const NURSERY_MIB = 4;

/**
 * Sets the flags for this process. Call it before the rest of this package is loaded, or at least before a cluster
 * starts. A size of the nursery that was given to `node` stays.
 */
export function setV8Flags(): void {
  for (const flag of [...COMPILER_FLAGS, LIFETIME_FLAG, INITIAL_HEAP_FLAG]) setFlagsFromString(flag);
  if (!isNurseryGiven()) setFlagsFromString(`${NURSERY_FLAG}=${NURSERY_MIB}`);
}

/**
 * From now on functions are compiled when they are called. Call it once this package is loaded, before a cluster starts:
 * threads that compile all of their code take more memory, and load for longer (docs/performance.md).
 */
export function compileThreadsLazily(): void {
  setFlagsFromString(THREADS_FLAG);
}

function isNurseryGiven(): boolean {
  const { NODE_OPTIONS = '' } = process.env;
  return [...process.execArgv, NODE_OPTIONS].some((option) =>
    option.replaceAll('_', '-').includes(NURSERY_FLAG),
  );
}
