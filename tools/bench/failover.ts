/**
 * `npm run bench:failover`: how long clients cannot write when the leader dies, and whether anything is lost.
 */

import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { median, percentile } from '../support/statistics.js';
import { type FailoverRound, measureFailover } from './failover/measure.js';
import { FAILOVER_REFERENCES } from './references.js';

interface Arguments {
  readonly rounds: number;
  readonly servers: number;
  readonly clients: number;
}

const command = new Command('bench:failover')
  .description('Kills the leader again and again, and measures the time until another takes writes')
  .addOption(countOption('--rounds <count>', 'leaders to kill', 30))
  .addOption(countOption('--servers <count>', 'servers of the cluster', 3))
  .addOption(countOption('--clients <count>', 'clients that write meanwhile', 8));

await runTool(command, async () => {
  const options = command.opts<Arguments>();
  if (options.servers < 3)
    command.error('--servers must be at least 3: fewer have no quorum without their leader');
  const { rounds, keys, acknowledgedWrites, lost } = await measureFailover(options, (round, number) =>
    print(`round ${number}/${options.rounds}: server ${round.killed} killed, ${times(round)}`),
  );
  print('');
  const ways = {
    'first of both': rounds.map(({ routerMs, directMs }) => Math.min(routerMs, directMs)),
    'router port': rounds.map(({ routerMs }) => routerMs),
    'servers’ ports': rounds.map(({ directMs }) => directMs),
  };
  for (const [way, valuesMs] of Object.entries(ways)) print(distribution(way, valuesMs));
  print(`others: ${FAILOVER_REFERENCES}`);
  for (const line of lost) print(`LOST ${line}`);
  print(
    `${acknowledgedWrites} acknowledged writes on ${keys} keys, ${lost.length === 0 ? 'none lost' : 'some LOST'}`,
  );
  const bothMs = rounds.map(({ routerMs, directMs }) => Math.max(routerMs, directMs));
  print(
    `failover: ${rounds.length} rounds, median ${ms(median(bothMs))} ms, worst ${ms(Math.max(...bothMs))} ms`,
  );
  return lost.length === 0 ? 0 : 1;
});

function times({ routerMs, directMs }: FailoverRound): string {
  return `router port ${ms(routerMs)} ms, servers’ ports ${ms(directMs)} ms`;
}

function distribution(name: string, valuesMs: readonly number[]): string {
  const [p50, p99, max] = [median(valuesMs), percentile(valuesMs, 99), Math.max(...valuesMs)].map(ms);
  return `${name.padEnd(14)}  p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}

function ms(value: number): string {
  return value.toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
