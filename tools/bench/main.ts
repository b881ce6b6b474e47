/**
 * `npm run bench`: how many requests the program answers, and how fast.
 */

import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { SingleBar } from 'cli-progress';
import { runTool } from '../support/arguments.js';
import { countRounds, planOf, type ThroughputOptions } from './cases.js';
import { type Arguments, command, throughputOptions } from './command-line.js';
import { DIMENSIONS, inWords, varies, whole } from './dimensions.js';
import { isInstalled, PEER_PROGRAMS, type Peer } from './peers.js';
import { drawChart } from './plot/chart.js';
import { throughputChart } from './plot/throughput-chart.js';
import { comparisonTable, errorLines, peerTable, throughputTable } from './report.js';
import type { TargetChoice } from './target.js';
import { measureThroughput, type Series, summarize } from './throughput.js';

await runTool(command, async () => {
  const args = command.opts<Arguments>();
  const options = throughputOptions(args, await installed(args.compare));
  const series = await measureWithBar(options);
  const summaries = series.map(summarize);
  const errors = errorLines(summaries);
  const parts = [
    conditions(options).join('\n'),
    throughputTable(summaries),
    peerTable(summaries),
    comparisonTable(summaries),
    errors.join('\n'),
  ];
  process.stdout.write(`${parts.filter((part) => part !== '').join('\n\n')}\n`);
  if (args.json !== undefined) await writeFile(args.json, asJson(options, series));
  if (args.plot !== undefined)
    await writeFile(args.plot, drawChart(throughputChart(summaries, conditions(options))));
  return errors.length === 0 ? 0 : 1;
});

/** Those that are there; of the others it is said that they are not. */
async function installed(peers: readonly Peer[]): Promise<Peer[]> {
  const found: Peer[] = [];
  for (const peer of peers) {
    const program = PEER_PROGRAMS[peer];
    if (await isInstalled(program)) found.push(peer);
    else process.stderr.write(`${program} is not on the PATH: ${peer} is not compared\n`);
  }
  return found;
}

/** The bar goes to stderr, and only to a terminal. */
async function measureWithBar(options: ThroughputOptions): Promise<Series[]> {
  const bar = new SingleBar({ format: '{bar} {percentage}% {label}', clearOnComplete: true });
  bar.start(countRounds(planOf(options)), 0, { label: 'starting' });
  try {
    return await measureThroughput(options, ({ done, label }) => bar.update(done, { label }));
  } finally {
    bar.stop();
  }
}

/** What all cases have in common, and how they were measured. */
function conditions(options: ThroughputOptions): string[] {
  const { targets, rounds, limit } = options;
  const own = planOf(options).cases.filter(({ system }) => system === 'threadraft');
  const common = DIMENSIONS.filter((dimension) => !varies(dimension, own)).map((dimension) =>
    own[0] === undefined ? '' : inWords(dimension, own[0]),
  );
  const length = limit.type === 'seconds' ? `${limit.seconds} s` : `${whole(limit.requests)} requests`;
  return [
    [...targets.slice(0, 1).map(describe), ...common].filter((words) => words !== '').join(', '),
    `${rounds === 1 ? 'one round' : `medians and spread of ${rounds} rounds`} of ${length}, Node ${process.version}, ${cpus().length} cores`,
  ];
}

function describe(target: TargetChoice): string {
  switch (target.type) {
    case 'program':
      return `${target.via} port`;
    case 'running':
      return `port ${target.port}`;
    case 'ceiling':
      return 'a bare server, for the ceiling of the load generator';
  }
}

function asJson(options: ThroughputOptions, series: readonly Series[]): string {
  const machine = { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model };
  return `${JSON.stringify({ at: new Date().toISOString(), machine, options, series }, null, 2)}\n`;
}
