/**
 * `npm run bench:costly`: while one client does what takes a server long, others set and get. Prints for each case the longest
 * that one of them waited, and the longest turn of a thread's event loop by its CPU time. Fails when one of these is too long, when
 * one of them is told an error, or when a term begins.
 */

import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { LongTurns } from '../support/long-turns.js';
import { Program } from '../support/program.js';
import { Bystanders } from './costly/bystanders.js';
import { CASES } from './costly/cases.js';
import { CostlyClient } from './costly/costly-client.js';
import { load } from './costly/making.js';
import { complaints, measure, type Outcome } from './costly/measure.js';
import { VARIANTS } from './costly/variants.js';
import { table } from './table.js';

const ALL = { ...VARIANTS, ...CASES };
const SERVERS = 3;
const AT_EACH_PORT = 3;

const HEAD = [
  'case',
  'took s',
  'others waited ms',
  'errors',
  'terms',
  'own ms',
  'main turn ms',
  'server turn ms',
  'over 20 ms',
];

interface Arguments {
  readonly keys: number;
  readonly timeout: number;
  readonly only?: string;
}

const command = new Command('bench:costly')
  .description('What others notice while one client does what takes a server long')
  .addOption(countOption('--keys <count>', 'keys that are loaded', 1_000_000))
  .addOption(countOption('--timeout <seconds>', 'for each case', 60))
  .option('--only <pattern>', 'cases whose names match this regular expression');

await runTool(command, async () => {
  const { keys, timeout, only = '' } = command.opts<Arguments>();
  const cases = Object.entries(ALL).filter(([name]) => new RegExp(only).test(name));
  if (cases.length === 0) throw new Error(`--only: matches none of: ${Object.keys(ALL).join('; ')}`);
  const turns = await LongTurns.open();
  const program = await Program.start({ servers: SERVERS, flags: ['--log-level', 'warn'], ...turns.start });
  const bystanders = new Bystanders();
  try {
    const client = await CostlyClient.connect(program.routerPort);
    await load(client, keys);
    client.close();
    const ports = [...program.serverPorts, program.routerPort, program.routerPort];
    await bystanders.open(ports.flatMap((port) => Array.from({ length: AT_EACH_PORT }, () => port)));
    const outcomes: Outcome[] = [];
    for (const [name, run] of cases) {
      const outcome = await measure({ program, bystanders, turns, timeoutMs: timeout * 1_000 }, name, run);
      outcomes.push(outcome);
      print(`${rowOf(outcome).join('; ')}; ${outcome.answer}`);
      for (const what of complaints(outcome)) print(`  BROKEN ${what}`);
    }
    print(`\n${table([HEAD, ...outcomes.map(rowOf)])}\n${program.stderrTail}`);
    return outcomes.every((outcome) => complaints(outcome).length === 0) ? 0 : 1;
  } finally {
    await bystanders.close();
    await program.stop();
    await turns.remove();
  }
});

function rowOf(outcome: Outcome): readonly string[] {
  const { name, tookMs, noticed, terms, mainTurnMs, serverTurnMs, longTurnCount } = outcome;
  const { longestMs, errors, ownBlockMs } = noticed;
  return [
    name,
    (tookMs / 1_000).toFixed(1),
    longestMs.toFixed(0),
    `${errors.length}`,
    `${terms}`,
    ownBlockMs.toFixed(0),
    mainTurnMs.toFixed(0),
    serverTurnMs.toFixed(0),
    `${longTurnCount}`,
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
