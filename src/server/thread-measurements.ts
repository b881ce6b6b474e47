/** How busy this thread is, whether its event loop was blocked, and how much memory it takes. */

import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { ThreadMeasurements } from '../wire/control.js';
import type { LoopWatch } from './loop-watch.js';

export function measureThread(watch: LoopWatch): ThreadMeasurements {
  const { active, idle } = performance.eventLoopUtilization();
  const heap = getHeapStatistics();
  const { longestMs, secondsWithLongTurns } = watch.read();
  return {
    loopActiveMs: active,
    loopIdleMs: idle,
    loopLongestBlockMs: longestMs,
    loopBlockedSeconds: secondsWithLongTurns,
    heapUsedBytes: heap.used_heap_size,
    heapTotalBytes: heap.total_heap_size,
    heapLimitBytes: heap.heap_size_limit,
    externalBytes: heap.external_memory,
  };
}
