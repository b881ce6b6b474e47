/**
 * `npm run bench:watched`: what it costs to scrape the program's metrics, and to have the dashboard open.
 *
 * The load is the same in each round: once with nobody who watches, once scraped each second, once with the dashboard's
 * stream read. What counts are ratios within a round, since a machine's minutes differ: of throughput, and of the
 * program's CPU time for a request, which suffers less from what else the machine has to do.
 */

import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { http } from '../support/http.js';
import { Program } from '../support/program.js';
import { median } from '../support/statistics.js';
import { GeneratorProcess } from './load/generator-process.js';
import type { Workload } from './load/workload.js';

interface Arguments {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly depth: number;
}

/** Watches the program with this admin port, whose clients come to the other one, until the returned function is called. */
type Watch = (httpPort: number, port: number) => () => void;

const SCRAPE_MS = 1_000;
const KEYSPACE = { keys: 10_000, valueBytes: 64 };

const watches: readonly { readonly name: string; readonly watch: Watch }[] = [
  { name: 'nobody watches', watch: () => () => {} },
  { name: 'scraped each second', watch: scrapeAgainAndAgain },
  { name: 'dashboard open', watch: (port) => get(port, '/api/live') },
  { name: 'a watcher of other keys', watch: (_, port) => watchKeys(port, 'no-such-prefix') },
];

const command = new Command('bench:watched')
  .description('Measures what metrics and the dashboard cost under full load')
  .addOption(countOption('--rounds <count>', 'rounds that count, after one to warm up', 10))
  .addOption(countOption('--seconds <count>', 'duration of each part of a round', 3))
  .addOption(countOption('--connections <count>', 'client connections', 50))
  .addOption(countOption('--depth <count>', 'requests that a connection sends at once', 16));

await runTool(command, async () => {
  const { rounds, seconds, connections, depth } = command.opts<Arguments>();
  const program = await Program.start({ storage: 'temporary' });
  const generator = new GeneratorProcess();
  const measured = watches.map((): Part[] => []);
  try {
    const port = program.serverPorts[await program.leader()] ?? program.routerPort;
    const limit = { type: 'seconds', seconds } as const;
    const load: Workload = { port, connections, depth, operation: 'mixed', keyspace: KEYSPACE, limit };
    for (let round = 0; round <= rounds; round += 1) {
      for (const [place, { watch }] of watches.entries()) {
        const stop = watch(program.httpPort, port);
        const cpuBeforeS = await cpuSeconds(program.httpPort);
        const { requestsPerSecond, requests } = await generator.run(load);
        const cpuUs = ((await cpuSeconds(program.httpPort)) - cpuBeforeS) * 1e6;
        stop();
        if (round > 0) measured[place]?.push({ requestsPerSecond, cpuUsPerRequest: cpuUs / requests });
      }
    }
  } finally {
    await generator.close();
    await program.stop();
  }
  const [alone = []] = measured;
  for (const [place, { name }] of watches.entries())
    process.stdout.write(`${line(name, measured[place] ?? [], alone)}\n`);
  return 0;
});

/** A part of a round. */
interface Part {
  readonly requestsPerSecond: number;
  readonly cpuUsPerRequest: number;
}

function line(name: string, own: readonly Part[], alone: readonly Part[]): string {
  const rate = Math.round(median(own.map(({ requestsPerSecond }) => requestsPerSecond))).toLocaleString('en');
  const slower = own.map(
    (part, round) => 1 - part.requestsPerSecond / (alone[round] ?? part).requestsPerSecond,
  );
  const cpuUs = median(own.map(({ cpuUsPerRequest }) => cpuUsPerRequest)).toFixed(2);
  const dearer = own.map((part, round) => part.cpuUsPerRequest / (alone[round] ?? part).cpuUsPerRequest - 1);
  return [
    name.padEnd(20),
    `${rate.padStart(9)} requests/s (${percent(median(slower))} fewer)`,
    `${cpuUs} µs of CPU each (${percent(median(dearer))} more)`,
  ].join('   ');
}

/** How much CPU time the program has used, as it tells itself. */
async function cpuSeconds(port: number): Promise<number> {
  const { text } = await http(port, 'GET /metrics');
  return Number(/^process_cpu_seconds_total (.+)$/m.exec(text)?.[1]);
}

function watchKeys(port: number, prefix: string): () => void {
  const socket = connect(port, '127.0.0.1').resume();
  socket.write(`watch ${prefix}\r\n`);
  return () => socket.destroy();
}

function scrapeAgainAndAgain(port: number): () => void {
  const timer = setInterval(() => get(port, '/metrics'), SCRAPE_MS);
  return () => clearInterval(timer);
}

/** Reads and forgets what is there, until the returned function is called or it ends. */
function get(port: number, path: string): () => void {
  const sent = request({ host: '127.0.0.1', port, path, agent: false }, (response: IncomingMessage) => {
    response.on('error', () => {});
    response.resume();
  });
  sent.on('error', () => {});
  sent.end();
  return () => sent.destroy();
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}
