/**
 * `npm run bench:cpu -- <commit>...`: CPU time that a command takes here and at other commits, side by side.
 *
 * Unlike throughput it says something on a machine, too, that has other things to do.
 */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { countOption, listOption, oneOf, runTool } from '../support/arguments.js';
import { median } from '../support/statistics.js';
import { type Checkout, checkOut } from './check/checkout.js';
import { percent } from './check/report.js';
import { ROW_LOADS } from './check/rows.js';
import { measureStart, type StartFigures } from './cpu/measure.js';
import { table } from './table.js';

interface Arguments {
  readonly rows: readonly string[];
  readonly starts: number;
  readonly rounds: number;
  readonly servers: number;
  readonly part: number;
}

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAM = 'dist/src/main.cjs';
const ROWS = ROW_LOADS.map(({ row }) => row);

const command = new Command('bench:cpu')
  .description(
    'Starts this checkout and others at once, loads them in turns, and tells how much CPU time a command takes, all threads together, and by how much that is more or less than at the first commit.',
  )
  .argument('<commit...>', 'what to compare with: commits, or directories with a build')
  .addOption(listOption('--rows <list>', ROWS.join(', '), oneOf(ROWS), ROWS))
  .addOption(countOption('--starts <count>', 'of each program', 6))
  .addOption(countOption('--rounds <count>', 'after each start', 4))
  .addOption(countOption('--servers <count>', 'of each program', 3))
  .addOption(new Option('--part <part>', 'of the usual requests, 0.1 or more').default(1).argParser(Number));

await runTool(command, async () => {
  const { rows, starts, rounds, servers, part } = command.opts<Arguments>();
  const over = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => over.abort(new Error(`ended by ${signal}`)));
  const loads = ROW_LOADS.filter(({ row }) => rows.includes(row)).map((load) => ({
    ...load,
    requests: Math.ceil(load.requests * part),
  }));
  const checkouts: Checkout[] = [];
  try {
    const directories: string[] = [];
    for (const name of command.args) {
      const isBuilt = existsSync(resolve(name, PROGRAM));
      if (isBuilt) directories.push(resolve(name));
      else {
        tell(`checking out ${name} and building it`);
        const checkout = await checkOut(REPOSITORY, name, over.signal);
        checkouts.push(checkout);
        directories.push(checkout.directory);
      }
    }
    const entries = [...directories, REPOSITORY].map((directory) => resolve(directory, PROGRAM));
    const measured: StartFigures[] = [];
    while (measured.length < starts) {
      tell(`start ${measured.length + 1} of ${starts}`);
      measured.push(await measureStart({ entries, loads, rounds, servers }, over.signal));
    }
    const names = [...command.args, 'this checkout'];
    const shown = loads.map(({ row }, place) => rowOf(row, measured, place));
    const head = [
      'µs of CPU',
      ...names.flatMap((name, which) => (which === 0 ? [name] : [name, 'change', 'from start to start'])),
    ];
    process.stdout.write(`${table([head, ...shown])}\n`);
    return 0;
  } finally {
    for (const checkout of checkouts) await checkout.remove();
  }
});

/** The medians of all starts, and the changes within starts from the first program to each other one. */
function rowOf(row: string, measured: readonly StartFigures[], place: number): string[] {
  const figures = (which: number) => measured.map((start) => start[which]?.[place] ?? Number.NaN);
  const first = figures(0);
  const others = measured[0]?.slice(1).map((_, which) => figures(which + 1)) ?? [];
  return [
    row,
    figure(median(first)),
    ...others.flatMap((values) => {
      const changes = values.map((value, start) => value / (first[start] ?? Number.NaN) - 1);
      const [least, most] = [Math.min(...changes), Math.max(...changes)];
      return [figure(median(values)), percent(median(changes)), `${percent(least)} to ${percent(most)}`];
    }),
  ];
}

function figure(us: number): string {
  return us.toFixed(2);
}

function tell(what: string): void {
  process.stderr.write(`${what}\n`);
}
