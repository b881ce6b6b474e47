/**
 * The flags of V8 that the program runs with. One that embeds a cluster may want them, too: docs/performance.md says what
 * it costs to go without.
 *
 * They hold for the whole process, and for what is compiled from then on. Each function is compiled when its module is
 * loaded and is never forgotten, which takes memory, and time at the start.
 */

import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * What a server does when a leader ends, it does for the first time, or for the first time in days. V8 would compile each
 * function when it is called, and forget it again: half the time of a failover.
 */
const EAGER_FLAGS = ['--no-lazy', '--always-sparkplug', '--no-flush-bytecode'];
const LAZY_FLAGS = ['--lazy', '--no-always-sparkplug', '--flush-bytecode'];

/**
 * V8 collects garbage again and again while a heap grows from a few MiB, which is a third of the time that a server needs
 * to restore a million keys. Threads that start after this was set begin to collect at 256 MiB.
 */
const INITIAL_HEAP_FLAG = '--initial-old-space-size=256';

/**
 * MiB of each half of the nursery. Collecting the 16 that V8 takes by itself delays one write in a hundred by a third, and they
 * are resident in each thread. `node` may be told otherwise.
 */
const NURSERY_FLAG = '--max-semi-space-size';
const FIRST_NURSERY_FLAG = '--min-semi-space-size';
const NURSERY_MIB = 2;
const NO_GROWTH_FLAG = '--semi-space-growth-factor=1';

/** What a nursery takes to grow is a few of these portions. */
const PORTION_OBJECTS = 1_000;
const MAX_PORTIONS = 1_000;
const MIB = 1024 * 1024;

let areSet = false;
let isNurseryHeld = false;

/**
 * Sets the flags for this process. Call it before the rest of this package is loaded, or at least before a cluster
 * starts. A size of the nursery that was given to `node` stays.
 */
export function setV8Flags(): void {
  areSet = true;
  setFlags([...EAGER_FLAGS, INITIAL_HEAP_FLAG]);
  if (isNurseryGiven()) return;
  setFlags([`${NURSERY_FLAG}=${NURSERY_MIB}`, `${FIRST_NURSERY_FLAG}=${NURSERY_MIB}`]);
  growNursery();
  isNurseryHeld = true;
  holdNursery();
}

/** A thread that starts lets nurseries grow again, this one's beyond what was set. To be called again after that. */
export function holdNursery(): void {
  if (isNurseryHeld) setFlags([NO_GROWTH_FLAG]);
}

/** Loads modules that no failover runs, and lets V8 compile of them what is called. Resolves to what `load` resolves to. */
export async function loadLazily<T>(load: () => Promise<T>): Promise<T> {
  if (!areSet) return load();
  setFlags(LAZY_FLAGS);
  try {
    return await load();
  } finally {
    setFlags(EAGER_FLAGS);
  }
}

/** This thread's nursery is there already, so that the flags for its size come too late. It grows when much of it survives. */
function growNursery(): void {
  const kept: object[] = [];
  for (let portion = 0; portion < MAX_PORTIONS && nurseryBytes() < 2 * NURSERY_MIB * MIB; portion += 1)
    for (let place = 0; place < PORTION_OBJECTS; place += 1) kept.push([portion, place]);
}

function nurseryBytes(): number {
  const nursery = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return nursery?.space_size ?? Number.POSITIVE_INFINITY;
}

function setFlags(flags: readonly string[]): void {
  for (const flag of flags) setFlagsFromString(flag);
}

function isNurseryGiven(): boolean {
  const { NODE_OPTIONS = '' } = process.env;
  return [...process.execArgv, NODE_OPTIONS].some((option) =>
    option.replaceAll('_', '-').includes(NURSERY_FLAG),
  );
}
