/**
 * What `GET /metrics` answers: the cluster's measurements in the text format of Prometheus.
 *
 * Each scrape fills a registry of its own from what the threads have counted, so nothing is counted twice, and a server
 * that is down has no values. A server's counters begin at 0 again when it is restarted, as Prometheus expects.
 */

import { Counter, Gauge, Histogram, type MetricConfiguration, Registry } from 'prom-client';
import type { ClusterMeasurements } from '../cluster/status.js';
import type { PortMeasurements } from '../gateway/connections.js';
import type { ServerId } from '../raft/types.js';
import { MAX_TURN_MS } from '../time-limits.js';
import type { ServerMeasurements, ThreadMeasurements } from '../wire/control.js';
import {
  COMMAND_RESULTS,
  COMMAND_TYPES,
  DURATION_BOUNDS_S,
  type DurationCounts,
} from '../wire/measurements.js';
import type { ShownRole } from '../wire/observations.js';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

const ROLES: readonly ShownRole[] = ['learner', 'follower', 'precandidate', 'candidate', 'leader'];

type Reading<T> = (of: T) => number;
/** Name without the common prefix, help, and where the value is. */
type Row<T, V = number> = readonly [name: string, help: string, read: (of: T) => V];

const SERVER_GAUGES: readonly Row<ServerMeasurements>[] = [
  ['raft_term', 'Current term.', ({ status }) => status.term],
  ['raft_last_log_index', 'Index of the last entry in the log.', ({ status }) => status.lastIndex],
  [
    'raft_snapshot_index',
    'Index up to which the newest snapshot reaches.',
    ({ status }) => status.snapshotIndex,
  ],
  ['raft_commit_index', 'Index up to which entries are committed.', ({ status }) => status.commitIndex],
  ['raft_applied_index', 'Index up to which entries are applied.', ({ status }) => status.lastApplied],
  [
    'raft_commit_lag_entries',
    'Entries in the log that are not committed.',
    ({ status }) => status.lastIndex - status.commitIndex,
  ],
  [
    'raft_apply_lag_entries',
    'Committed entries that are not applied.',
    ({ status }) => status.commitIndex - status.lastApplied,
  ],
  [
    'disk_stalled_seconds',
    'For how long the disk has stalled or had a shortage; 0 while it is well.',
    ({ status }) => (status.disk.name === 'well' ? 0 : status.disk.forMs / 1000),
  ],
  ['keys', 'Keys in the state machine.', ({ keys }) => keys],
  ['watchers', 'Connections that watch keys.', ({ watchers }) => watchers],
  ['subscribers', 'Connections that have subscribed to events.', ({ subscribers }) => subscribers],
  ['pending_commands', 'Commands taken and not yet answered.', ({ pendingCommands }) => pendingCommands],
];

const SERVER_COUNTERS: readonly Row<ServerMeasurements>[] = [
  ['raft_proposals_total', 'Entries proposed as the leader.', ({ metrics }) => metrics.proposals],
  ['raft_proposed_bytes_total', 'Bytes of the proposed entries.', ({ metrics }) => metrics.proposedBytes],
  ['raft_leader_changes_total', 'New leaders seen.', ({ metrics }) => metrics.leaderChanges],
  ['disk_writes_total', 'Group commits written to the disk.', ({ metrics }) => metrics.diskWrites],
  ['disk_entries_total', 'Log entries written to the disk.', ({ metrics }) => metrics.diskEntries],
];

const SERVER_HISTOGRAMS: readonly Row<ServerMeasurements, DurationCounts>[] = [
  [
    'raft_append_duration_seconds',
    'From the proposal of an entry to its being applied by the leader.',
    ({ metrics }) => metrics.appendDuration,
  ],
  [
    'disk_write_duration_seconds',
    'Time that a group commit takes on the disk, fsync included.',
    ({ metrics }) => metrics.diskDuration,
  ],
  [
    'event_loop_lag_seconds',
    'By how much timers of a server thread were late.',
    ({ metrics }) => metrics.loopLag,
  ],
  [
    'turn_duration_seconds',
    'Turns of a server: in each it does all that has arrived, and hears nobody.',
    ({ metrics }) => metrics.turnDuration,
  ],
];

const THREAD_GAUGES: readonly Row<ThreadMeasurements>[] = [
  ['thread_heap_used_bytes', 'JavaScript heap in use.', ({ heapUsedBytes }) => heapUsedBytes],
  ['thread_heap_size_bytes', 'JavaScript heap reserved.', ({ heapTotalBytes }) => heapTotalBytes],
  [
    'thread_loop_longest_block_seconds',
    'The longest time that the event loop was blocked in the last 15 s.',
    ({ loopLongestBlockMs }) => loopLongestBlockMs / 1000,
  ],
  ['thread_heap_limit_bytes', 'Limit of the JavaScript heap.', ({ heapLimitBytes }) => heapLimitBytes],
  ['thread_external_bytes', 'Memory of buffers that the heap holds.', ({ externalBytes }) => externalBytes],
];

const THREAD_COUNTERS: readonly Row<ThreadMeasurements>[] = [
  [
    'thread_loop_active_seconds_total',
    'Time in which the event loop was busy: its rate is the utilisation.',
    ({ loopActiveMs }) => loopActiveMs / 1000,
  ],
  ['thread_loop_idle_seconds_total', 'Time in which it waited.', ({ loopIdleMs }) => loopIdleMs / 1000],
  [
    'thread_loop_blocked_total',
    `Seconds in which the event loop was blocked for over ${MAX_TURN_MS} ms.`,
    ({ loopBlockedSeconds }) => loopBlockedSeconds,
  ],
];

const PORT_COUNTERS: readonly Row<PortMeasurements>[] = [
  ['connections_accepted_total', 'Client connections accepted.', (port) => port.acceptedConnections],
  ['received_bytes_total', 'Bytes received from clients.', ({ inBytes }) => inBytes],
  ['sent_bytes_total', 'Bytes sent to clients.', ({ outBytes }) => outBytes],
];

/** The page for these measurements. */
export function prometheusText(
  { main, servers, withoutDisk, gateway }: ClusterMeasurements,
  version: string,
  certificateExpiresAtMs?: number,
): Promise<string> {
  const page = new Page();
  const up = [...servers].flatMap(([id, measured]) => (measured === undefined ? [] : [{ id, measured }]));
  const ports = [...gateway.servers].map(([id, port]) => ({ labels: { port: `server-${id}` }, port }));
  const router = gateway.router === undefined ? [] : [{ labels: { port: 'router' }, port: gateway.router }];
  page.build(version);
  if (certificateExpiresAtMs !== undefined) page.certificate(certificateExpiresAtMs);
  page.servers([...servers.keys()], up);
  page.disks([...servers.keys()], withoutDisk);
  page.threads([
    { labels: { thread: 'main' }, thread: main },
    ...up.map(({ id, measured }) => ({ labels: { thread: `server-${id}` }, thread: measured.thread })),
  ]);
  page.ports([...ports, ...router]);
  page.process();
  return page.text();
}

interface Up {
  readonly id: ServerId;
  readonly measured: ServerMeasurements;
}

type Labels = Readonly<Record<string, string | number>>;

class Page {
  readonly #registry = new Registry();

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  build(version: string): void {
    const labels = ['version', 'node'];
    this.#gauge('build_info', 'Always 1; the labels tell what runs.', labels).set(
      { version, node: process.version },
      1,
    );
  }

  certificate(expiresAtMs: number): void {
    this.#gauge('certificate_expiry_timestamp_seconds', 'When the TLS certificate ends, since 1970.', []).set(
      {},
      expiresAtMs / 1000,
    );
  }

  servers(ids: readonly ServerId[], up: readonly Up[]): void {
    const upGauge = this.#gauge('server_up', '1 while the server takes calls and clients.', ['server']);
    for (const server of ids) upGauge.set({ server }, up.some(({ id }) => id === server) ? 1 : 0);
    const of = ({ id }: Up) => ({ server: id });
    for (const [name, help, read] of SERVER_GAUGES)
      this.#set(this.#gauge(name, help, ['server']), up, of, ({ measured }) => read(measured));
    for (const [name, help, read] of SERVER_COUNTERS)
      this.#add(this.#counter(name, help, ['server']), up, of, ({ measured }) => read(measured));
    for (const [name, help, read] of SERVER_HISTOGRAMS) {
      const histogram = this.#durations(name, help, ['server']);
      for (const one of up) histogram.put(of(one), read(one.measured));
    }
    this.#roles(up);
    this.#queues(up);
    this.#links(up);
    this.#commands(up);
    this.#snapshots(up);
  }

  disks(ids: readonly ServerId[], lost: readonly ServerId[]): void {
    const help = '1 while the server is down since its disk is lost or has failed.';
    const gauge = this.#gauge('disk_failed', help, ['server']);
    for (const server of ids) gauge.set({ server }, lost.includes(server) ? 1 : 0);
  }

  threads(threads: readonly { readonly labels: Labels; readonly thread: ThreadMeasurements }[]): void {
    for (const [name, help, read] of THREAD_GAUGES)
      this.#set(this.#gauge(name, help, ['thread']), threads, labelsOf, ({ thread }) => read(thread));
    for (const [name, help, read] of THREAD_COUNTERS)
      this.#add(this.#counter(name, help, ['thread']), threads, labelsOf, ({ thread }) => read(thread));
  }

  ports(ports: readonly { readonly labels: Labels; readonly port: PortMeasurements }[]): void {
    const open = this.#gauge('connections', 'Open client connections.', ['port']);
    this.#set(open, ports, labelsOf, ({ port }) => port.openConnections);
    for (const [name, help, read] of PORT_COUNTERS)
      this.#add(this.#counter(name, help, ['port']), ports, labelsOf, ({ port }) => read(port));
  }

  /** What Prometheus expects of any process, under the names that it gives them. */
  process(): void {
    const { user, system } = process.cpuUsage();
    const registers = [this.#registry];
    new Counter({ name: 'process_cpu_seconds_total', help: 'CPU time used.', registers }).inc(
      (user + system) / 1e6,
    );
    new Gauge({ name: 'process_resident_memory_bytes', help: 'Memory in use.', registers }).set(
      process.memoryUsage.rss(),
    );
    new Gauge({
      name: 'process_start_time_seconds',
      help: 'When the process started, in seconds since the epoch.',
      registers,
    }).set(Date.now() / 1000 - process.uptime());
  }

  #roles(up: readonly Up[]): void {
    const help = '1 for the role that the server has, 0 for the others.';
    const gauge = this.#gauge('raft_role', help, ['server', 'role']);
    for (const { id, measured } of up) {
      for (const role of ROLES) gauge.set({ server: id, role }, role === measured.status.role ? 1 : 0);
    }
  }

  #queues(up: readonly Up[]): void {
    const help = 'Batches that wait in a channel: traffic from clients, peers, replies to clients.';
    const gauge = this.#gauge('channel_depth', help, ['server', 'channel']);
    for (const { id, measured } of up) {
      for (const [channel, depth] of Object.entries(measured.queues))
        gauge.set({ server: id, channel }, depth);
    }
  }

  #links(up: readonly Up[]): void {
    const directed = ['server', 'direction'];
    const messages = this.#counter('link_messages_total', 'Messages between servers.', directed);
    const bytes = this.#counter('link_bytes_total', 'Bytes of messages between servers.', directed);
    const dropped = this.#counter('link_dropped_messages_total', 'Messages lost on their way out.', [
      'server',
      'reason',
    ]);
    for (const { id: server, measured } of up) {
      const { metrics } = measured;
      messages.inc({ server, direction: 'out' }, metrics.messagesSent);
      messages.inc({ server, direction: 'in' }, metrics.messagesReceived);
      bytes.inc({ server, direction: 'out' }, metrics.sentBytes);
      bytes.inc({ server, direction: 'in' }, metrics.receivedBytes);
      dropped.inc({ server, reason: 'full' }, metrics.droppedFull);
      dropped.inc({ server, reason: 'fault' }, metrics.droppedByFault);
    }
  }

  #commands(up: readonly Up[]): void {
    const counter = this.#counter('commands_total', 'Commands answered, by type and by what they came to.', [
      'server',
      'command',
      'result',
    ]);
    const help = "From a command's arrival in the server thread to its reply leaving it.";
    const durations = this.#durations('command_duration_seconds', help, ['server', 'kind']);
    for (const { id: server, measured } of up) {
      const { commands, readDuration, writeDuration } = measured.metrics;
      for (const [row, type] of COMMAND_TYPES.entries()) {
        const command = type.replace('-', '_');
        for (const [column, result] of COMMAND_RESULTS.entries())
          counter.inc({ server, command, result }, commands[row]?.[column] ?? 0);
      }
      durations.put({ server, kind: 'read' }, readDuration);
      durations.put({ server, kind: 'write' }, writeDuration);
    }
  }

  #snapshots(up: readonly Up[]): void {
    const labels = ['server', 'origin'];
    const size = this.#gauge('snapshot_size_bytes', 'Size of the last snapshot.', labels);
    const help = 'Time that it took to take a snapshot, or to restore from that of a leader.';
    const durations = this.#durations('snapshot_duration_seconds', help, labels);
    for (const { id: server, measured } of up) {
      const { snapshotsTaken: own, snapshotsInstalled: leader } = measured.metrics;
      for (const [origin, { duration, lastBytes }] of Object.entries({ own, leader })) {
        size.set({ server, origin }, lastBytes);
        durations.put({ server, origin }, duration);
      }
    }
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge(this.#metric(name, help, labelNames));
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter(this.#metric(name, help, labelNames));
  }

  #durations(name: string, help: string, labelNames: string[]): CountedDurations {
    return new CountedDurations(this.#metric(name, help, labelNames));
  }

  #metric(name: string, help: string, labelNames: string[]): MetricConfiguration<string> {
    return { name: `threadraft_${name}`, help, labelNames, registers: [this.#registry] };
  }

  #set<T>(gauge: Gauge, all: readonly T[], labels: (one: T) => Labels, read: Reading<T>): void {
    for (const one of all) gauge.set(labels(one), read(one));
  }

  #add<T>(counter: Counter, all: readonly T[], labels: (one: T) => Labels, read: Reading<T>): void {
    for (const one of all) counter.inc(labels(one), read(one));
  }
}

function labelsOf({ labels }: { readonly labels: Labels }): Labels {
  return labels;
}

/** A histogram whose buckets were counted elsewhere: prom-client's own takes single values only. */
class CountedDurations extends Histogram {
  readonly #title: { readonly name: string; readonly help: string };
  readonly #values: { metricName: string; labels: Labels; value: number }[] = [];

  constructor(configuration: MetricConfiguration<string>) {
    super(configuration);
    this.#title = { name: configuration.name, help: configuration.help };
  }

  put(labels: Labels, { counts, sumS }: DurationCounts): void {
    const { name } = this.#title;
    let total = 0;
    for (const [bucket, count] of counts.entries()) {
      total += count;
      const le = DURATION_BOUNDS_S[bucket] ?? '+Inf';
      this.#values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: total });
    }
    this.#values.push({ metricName: `${name}_sum`, labels, value: sumS });
    this.#values.push({ metricName: `${name}_count`, labels, value: total });
  }

  /** The text that the registry prints. */
  async getForPromString() {
    return { ...this.#title, type: 'histogram', values: this.#values };
  }
}
