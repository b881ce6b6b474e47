/** How busy this thread is, and how much memory it takes. */

import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { ThreadMeasurements } from '../wire/control.js';

export function measureThread(): ThreadMeasurements {
  const { active, idle } = performance.eventLoopUtilization();
  const heap = getHeapStatistics();
  return {
    loopActiveMs: active,
    loopIdleMs: idle,
    heapUsedBytes: heap.used_heap_size,
    heapTotalBytes: heap.total_heap_size,
    heapLimitBytes: heap.heap_size_limit,
  };
}
