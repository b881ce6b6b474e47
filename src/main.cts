#!/usr/bin/env node
/**
 * The program. It is no ES module because loading one starts libuv's pool of threads, whose size is fixed from then on.
 */

/**
 * Each server waits for its disk in a thread of the pool: for its log, and now and then for a snapshot. With the four
 * threads that libuv has by default, five servers would wait for each other's disks.
 */
const POOL_THREADS = 24;
const POOL_SIZE_VARIABLE = 'UV_THREADPOOL_SIZE';

process.env[POOL_SIZE_VARIABLE] ??= `${POOL_THREADS}`;

async function main(): Promise<void> {
  const { setV8Flags } = await import('./v8-flags.js');
  setV8Flags();
  const { runCommandLine } = await import('./cli/command-line.js');
  await runCommandLine(process.argv);
}

void main();
