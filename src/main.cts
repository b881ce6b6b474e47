#!/usr/bin/env -S node --max-semi-space-size=4
/**
 * The program. It is no ES module because loading one starts libuv's pool of threads, whose size is fixed from then on.
 */

/**
 * Each server waits for its disk in threads of the pool: for its log, for the log's next segment, for a snapshot of its own,
 * and for the removal of what is not needed any more; a leader also reads what each follower lacks. So nine servers whose disks
 * all hang wait in 44 at most, and leave four to the rest of the program. With the four threads that libuv has by default,
 * servers would wait for each other's disks.
 */
const POOL_THREADS = 48;
const POOL_SIZE_VARIABLE = 'UV_THREADPOOL_SIZE';

process.env[POOL_SIZE_VARIABLE] ??= `${POOL_THREADS}`;

async function main(): Promise<void> {
  const { runCommandLine } = await import('./cli/command-line.js');
  await runCommandLine(process.argv);
}

void main();
