import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { prometheusText } from '../../src/admin/prometheus.js';
import { LoopWatch } from '../../src/server/loop-watch.js';
import { ServerMetrics } from '../../src/server/server-metrics.js';
import { measureThread } from '../../src/server/thread-measurements.js';
import { temporaryDirectory } from '../support/cluster.js';
import { promtool } from '../support/promtool.js';

const DOCUMENT = new URL('../../../docs/observing.md', import.meta.url);
const DASHBOARD = new URL('../../../docs/grafana-dashboard.json', import.meta.url);

async function expressions(): Promise<string[]> {
  const dashboard = await readFile(DASHBOARD, 'utf8');
  return [...dashboard.matchAll(/"expr": (".*")/g)].map(([, text]) => JSON.parse(text ?? ''));
}

/** The names of all metrics, as a cluster of one server prints them. */
async function metricNames(): Promise<Set<string>> {
  const watch = new LoopWatch(() => undefined);
  const port = { openConnections: 0, acceptedConnections: 0, inBytes: 0, outBytes: 0 };
  const server = {
    status: {
      id: 0,
      role: 'leader',
      term: 1,
      votedFor: 0,
      leader: 0,
      commitIndex: 1,
      lastApplied: 1,
      lastIndex: 1,
      snapshotIndex: 0,
      disk: { name: 'well' },
    },
    metrics: new ServerMetrics().read(),
    keys: 0,
    pendingCommands: 0,
    watchers: 0,
    subscribers: 0,
    queues: { traffic: 0, peers: 0, replies: 0 },
    thread: measureThread(watch),
  } as const;
  const text = await prometheusText(
    {
      main: measureThread(watch),
      servers: new Map([[0, server]]),
      withoutDisk: [],
      gateway: { servers: new Map([[0, port]]), router: port },
    },
    '1',
  );
  watch.stop();
  return new Set([...text.matchAll(/^(\w+)[{ ]/gm)].map(([, name]) => name ?? ''));
}

describe('the Grafana dashboard', () => {
  it('asks only for metrics that there are', async () => {
    const names = await metricNames();
    for (const expression of await expressions()) {
      for (const [name] of expression.matchAll(/threadraft_\w+/g)) expect(names, expression).to.include(name);
    }
  });

  it('shows every metric of the cluster but those that say what runs', async () => {
    const all = (await expressions()).join('\n');
    for (const name of await metricNames()) {
      const shown = name.replace(/_(sum|count)$/, '_bucket');
      if (name.startsWith('threadraft_') && !UNSHOWN.has(name)) expect(all).to.include(shown);
    }
  });

  it('is not the only place that explains them', async () => {
    const document = await readFile(DOCUMENT, 'utf8');
    for (const name of await metricNames()) {
      const documented = name.replace(/^threadraft_/, '').replace(/_(bucket|sum|count)$/, '');
      if (name !== 'threadraft_build_info' && !name.startsWith('process_'))
        expect(document).to.include(`\`${documented}\``);
    }
  });

  it('asks in the language of Prometheus', async function () {
    const rules = (await expressions()).map((expression, number) => ({
      record: `rule_${number}`,
      expr: expression.replaceAll('$__rate_interval', '1m'),
    }));
    const directory = await temporaryDirectory();
    const file = join(directory.path, 'rules.json');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const complaint = promtool(['check', 'rules', file]);
    await directory.remove();
    if (complaint === undefined) this.skip();
    expect(complaint).to.equal('');
  });
});

/** Known by others that are shown, or of interest only to alerts. */
const UNSHOWN = new Set([
  'threadraft_build_info',
  'threadraft_raft_last_log_index',
  'threadraft_raft_snapshot_index',
  'threadraft_raft_commit_index',
  'threadraft_raft_applied_index',
  'threadraft_raft_proposed_bytes_total',
  'threadraft_connections_accepted_total',
  'threadraft_thread_heap_size_bytes',
  'threadraft_thread_heap_limit_bytes',
  'threadraft_thread_external_bytes',
  'threadraft_thread_loop_idle_seconds_total',
]);
