/**
 * `npm run bench`: how many commands a second, and how quickly, measured from another process over TCP.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import type { LoadRequest, LoadResult, Operation } from './load.js';
import { Program } from './program.js';
import { REFERENCES } from './reference.js';
import { median } from './statistics.js';

const DEFAULT_OPERATIONS: readonly Operation[] = ['set', 'get'];
const GENERATOR_FILE = fileURLToPath(new URL('./load-generator.js', import.meta.url));

interface Arguments {
  readonly servers: number;
  readonly connections: number;
  readonly depth: readonly number[];
  readonly operations: readonly Operation[];
  readonly requests: number;
  readonly rounds: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly fsync: boolean;
  readonly router: boolean;
  readonly json: string | undefined;
}

interface Measurement {
  readonly operation: Operation;
  readonly depth: number;
  readonly rounds: readonly LoadResult[];
}

/** The server under test answered with errors, so its figures mean nothing. */
class VoidResultError extends Error {
  constructor(operation: Operation, depth: number, errors: number) {
    super(`${errors} errors in ${operation} at depth ${depth}: the figures are void`);
    this.name = 'VoidResultError';
  }
}

const program = new Command('bench')
  .description('Measures throughput and latency of the text protocol')
  .option('--servers <count>', 'servers of the cluster', whole, 3)
  .option('--connections <count>', 'client connections', whole, 50)
  .option('--depth <list>', 'pipeline depths', (text) => text.split(',').map(whole), [1, 16])
  .option('--operations <list>', 'set, get, mixed (90% get)', operations, DEFAULT_OPERATIONS)
  .option('--requests <count>', 'requests a round at depth 1; 4 times as many above', whole, 100_000)
  .option('--rounds <count>', 'rounds, after one to warm up', whole, 5)
  .option('--value-bytes <count>', 'size of a value', whole, 64)
  .option('--keys <count>', 'different keys', whole, 100_000)
  .option('--no-fsync', 'acknowledge before the disk has it')
  .option('--router', 'through the router port, not the leader’s', false)
  .option('--json <file>', 'write everything measured there')
  .parse();

await run(program.opts<Arguments>()).catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

async function run(args: Arguments): Promise<void> {
  const cluster = await Program.start({ servers: args.servers, more: args.fsync ? [] : ['--no-fsync'] });
  const generator = fork(GENERATOR_FILE);
  try {
    const port = args.router ? cluster.routerPort : cluster.serverPort(await cluster.leader());
    const measurements = await measureAll(args, port, generator);
    process.stdout.write(`${table(args, measurements)}\n`);
    if (args.json !== undefined)
      await writeFile(args.json, `${JSON.stringify({ args, measurements }, null, 2)}\n`);
  } finally {
    generator.kill();
    await cluster.stop();
  }
}

/** Rounds go in turns over all operations and depths, so that a slow minute of the machine hits all alike. */
async function measureAll(args: Arguments, port: number, generator: ChildProcess): Promise<Measurement[]> {
  const kinds = args.operations.flatMap((operation) => args.depth.map((depth) => ({ operation, depth })));
  const results = kinds.map((kind): Measurement & { rounds: LoadResult[] } => ({ ...kind, rounds: [] }));
  const bar = new SingleBar({ format: '{bar} {value}/{total} {what}', stream: process.stderr });
  if (process.stderr.isTTY) bar.start(kinds.length * (args.rounds + 1), 0, { what: '' });
  for (let round = 0; round <= args.rounds; round += 1) {
    for (const { operation, depth, rounds } of results) {
      const requests = depth === 1 ? args.requests : args.requests * 4;
      const { connections, valueBytes, keys } = args;
      const result = await measure(generator, {
        port,
        connections,
        depth,
        operation,
        requests,
        valueBytes,
        keys,
      });
      if (result.errors > 0) throw new VoidResultError(operation, depth, result.errors);
      if (round > 0) rounds.push(result);
      bar.increment(1, { what: `${operation} at depth ${depth}` });
    }
  }
  bar.stop();
  return results;
}

async function measure(generator: ChildProcess, request: LoadRequest): Promise<LoadResult> {
  const answer = once(generator, 'message');
  generator.send(request);
  const [result]: LoadResult[] = await answer;
  if (result === undefined) throw new Error('the load generator said nothing');
  return result;
}

function table(
  { servers, connections, valueBytes, fsync }: Arguments,
  measurements: readonly Measurement[],
): string {
  const title = `${servers} servers, ${connections} connections, ${valueBytes}-byte values, fsync ${fsync ? 'on' : 'off'}`;
  const lines = measurements.map(({ operation, depth, rounds }) => {
    const rates = rounds.map(({ requestsPerSecond }) => requestsPerSecond);
    const spread = `${round(Math.min(...rates))} to ${round(Math.max(...rates))}`;
    const latency = (pick: (result: LoadResult) => number) => ms(median(rounds.map(pick)));
    return [
      `${operation} P=${depth}`,
      round(median(rates)),
      spread,
      latency(({ latencyUs }) => latencyUs.p50),
      latency(({ latencyUs }) => latencyUs.p99),
      latency(({ latencyUs }) => latencyUs.p999),
    ];
  });
  const head = ['', 'median/s', 'spread/s', 'p50 ms', 'p99 ms', 'p99.9 ms'];
  return [title, '', ...align([head, ...lines]), '', ...references(measurements)].join('\n');
}

/** What other systems did elsewhere, and how much of it this is. */
function references(measurements: readonly Measurement[]): string[] {
  const head = ['elsewhere', ...measurements.map(({ operation, depth }) => `${operation} P=${depth}`)];
  const lines = REFERENCES.map(({ system, figures }) => [
    system,
    ...measurements.map(({ operation, depth, rounds }) => {
      const figure = operation === 'mixed' ? undefined : figures[operation][depth];
      if (figure === undefined) return '-';
      const ratio = median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)) / figure;
      return `${round(figure)} (x${ratio.toFixed(2)})`;
    }),
  ]);
  return align([head, ...lines]);
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart((widths[column] ?? 0) + 2),
      )
      .join(''),
  );
}

function round(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function ms(us: number): string {
  return (us / 1000).toFixed(2);
}

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number of 1 or more.');
  return Number(text);
}

function operations(text: string): Operation[] {
  return text.split(',').map((name) => {
    if (name !== 'set' && name !== 'get' && name !== 'mixed')
      throw new InvalidArgumentError(`There is no ${name}.`);
    return name;
  });
}
