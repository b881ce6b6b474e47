/** What happened within the last second, from two readings of what the threads have counted since their starts. */

import type { ClusterMeasurements } from '../../cluster/status.js';
import type { ServerMeasurements, ThreadMeasurements } from '../../wire/control.js';
import {
  COMMAND_RESULTS,
  type DurationCounts,
  FIRST_READ,
  type MetricsReading,
} from '../../wire/measurements.js';
import { percentilesMs } from './percentiles.js';
import type { Sample, ServerSample } from './view.js';

export interface Measured {
  readonly atMs: number;
  readonly cluster: ClusterMeasurements;
}

const NOT_FAILURES = new Set(['ok', 'not_found', 'version_mismatch']);

/** What happened between the two readings. */
export function sampleOf(before: Measured, after: Measured): Sample {
  const seconds = Math.max(0.001, (after.atMs - before.atMs) / 1000);
  const pairs = [...after.cluster.servers].map(([id, server]) => ({
    id,
    after: server,
    before: sameRun(before.cluster.servers.get(id), server),
  }));
  let reads = 0;
  let writes = 0;
  let failures = 0;
  for (const pair of pairs) {
    for (const [row, results] of (pair.after?.metrics.commands ?? []).entries()) {
      for (const [column, count] of results.entries()) {
        const more = count - (pair.before?.metrics.commands[row]?.[column] ?? 0);
        if (row >= FIRST_READ) reads += more;
        else writes += more;
        if (!NOT_FAILURES.has(COMMAND_RESULTS[column] ?? '')) failures += more;
      }
    }
  }
  const ends = pairs.map((pair) => pair.after?.status.lastIndex ?? 0);
  const longest = Math.max(0, ...ends);
  const ofAll = (read: (metrics: MetricsReading) => DurationCounts) => {
    const now = pairs.flatMap((pair) => (pair.after === undefined ? [] : [read(pair.after.metrics)]));
    const then = pairs.flatMap((pair) => (pair.before === undefined ? [] : [read(pair.before.metrics)]));
    return now.length === 0 ? null : percentilesMs(added(then), added(now));
  };
  const { servers, router } = after.cluster.gateway;
  return {
    atMs: after.atMs,
    readsPerS: reads / seconds,
    writesPerS: writes / seconds,
    failuresPerS: failures / seconds,
    readMs: ofAll((metrics) => metrics.readDuration),
    writeMs: ofAll((metrics) => metrics.writeDuration),
    connections: [...servers.values(), ...(router === undefined ? [] : [router])].reduce(
      (sum, port) => sum + port.openConnections,
      0,
    ),
    mainLoop: utilisation(before.cluster.main, after.cluster.main),
    servers: pairs.flatMap(({ id, before, after }) =>
      before === undefined || after === undefined ? [] : [{ id, ...serverSample(before, after, longest) }],
    ),
  };
}

function serverSample(
  before: ServerMeasurements,
  after: ServerMeasurements,
  longest: number,
): Omit<ServerSample, 'id'> {
  const { traffic, peers, replies } = after.queues;
  return {
    loop: utilisation(before.thread, after.thread),
    diskMs: percentilesMs(before.metrics.diskDuration, after.metrics.diskDuration),
    behind: longest - after.status.lastApplied,
    queued: after.pendingCommands + traffic + peers + replies,
    heapBytes: after.thread.heapUsedBytes,
  };
}

function utilisation(before: ThreadMeasurements, after: ThreadMeasurements): number {
  const active = after.loopActiveMs - before.loopActiveMs;
  const idle = after.loopIdleMs - before.loopIdleMs;
  return active + idle <= 0 ? 0 : active / (active + idle);
}

/** The earlier reading; undefined if the server was started again in between and counts from 0. */
function sameRun(
  before: ServerMeasurements | undefined,
  after: ServerMeasurements | undefined,
): ServerMeasurements | undefined {
  if (before === undefined || after === undefined) return undefined;
  return after.thread.loopActiveMs < before.thread.loopActiveMs ||
    after.metrics.messagesReceived < before.metrics.messagesReceived
    ? undefined
    : before;
}

function added(all: readonly DurationCounts[]): DurationCounts {
  const [first, ...others] = all;
  if (first === undefined) return { counts: [], sumS: 0 };
  return others.reduce(
    (sum, { counts, sumS }) => ({
      counts: sum.counts.map((count, bucket) => count + (counts[bucket] ?? 0)),
      sumS: sum.sumS + sumS,
    }),
    first,
  );
}
