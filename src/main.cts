#!/usr/bin/env node
/**
 * The program. It is no ES module because loading one starts libuv's pool of threads, whose size is fixed from then on.
 */

/**
 * Each server waits for its disk in a thread of the pool: for its log, and now and then for a snapshot. With the four that
 * libuv has by itself, five servers would wait for each other's disks.
 */
const POOL_THREADS = 24;
const POOL_SIZE_VARIABLE = 'UV_THREADPOOL_SIZE';

process.env[POOL_SIZE_VARIABLE] ??= `${POOL_THREADS}`;

/**
 * What a server does when a leader ends, it does for the first time, or for the first time in days. V8 would compile each
 * function on its way at that moment, and forget it again: half the time of a failover. So it compiles all while it starts.
 */
const COMPILER_FLAGS = ['--no-lazy', '--always-sparkplug', '--no-flush-bytecode'];

/**
 * MiB. Collecting the 16 that V8 takes by itself holds up one write in a hundred for a third longer. Who starts the program
 * may say otherwise.
 */
const NURSERY_FLAG = '--max-semi-space-size';
const NURSERY_MIB = 4;
const OPTIONS_VARIABLE = 'NODE_OPTIONS';

const nodeOptions = [...process.execArgv, process.env[OPTIONS_VARIABLE] ?? ''];
const hasNursery = nodeOptions.some((option) => option.replaceAll('_', '-').includes(NURSERY_FLAG));
const flags = hasNursery ? COMPILER_FLAGS : [...COMPILER_FLAGS, `${NURSERY_FLAG}=${NURSERY_MIB}`];
const v8 = process.getBuiltinModule('node:v8');
for (const flag of flags) v8.setFlagsFromString(flag);

void import('./cli/command-line.js').then(({ runCommandLine }) => runCommandLine(process.argv));
