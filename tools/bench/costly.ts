/**
 * `npm run bench:costly`: while one client does what takes a server long, others set and get. Prints for each case the longest
 * that one of them waited, and the longest time that a thread of the program was blocked. Fails when that is too long, when one
 * of them is told an error, or when a term begins.
 */

import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { Program } from '../support/program.js';
import { Bystanders } from './costly/bystanders.js';
import { CASES, load } from './costly/cases.js';
import { CostlyClient } from './costly/costly-client.js';
import { complaints, forgotten, measure, type Outcome } from './costly/measure.js';
import { table } from './table.js';

const SERVERS = 3;
const AT_EACH_PORT = 3;

const HEAD = [
  'case',
  'took s',
  'others waited ms',
  'errors',
  'terms',
  'own ms',
  'main ms',
  '0',
  '1',
  '2',
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
  .option('--only <text>', 'cases with this in their names');

await runTool(command, async () => {
  const { keys, timeout, only = '' } = command.opts<Arguments>();
  const cases = Object.entries(CASES).filter(([name]) => name.includes(only));
  if (cases.length === 0) throw new Error(`--only: part of one of: ${Object.keys(CASES).join('; ')}`);
  const program = await Program.start({ servers: SERVERS, flags: ['--log-level', 'warn'] });
  const bystanders = new Bystanders();
  try {
    const client = await CostlyClient.connect(program.routerPort);
    await load(client, keys);
    client.close();
    const ports = [...program.serverPorts, program.routerPort, program.routerPort];
    await bystanders.open(ports.flatMap((port) => Array.from({ length: AT_EACH_PORT }, () => port)));
    const outcomes: Outcome[] = [];
    for (const [name, run] of cases) {
      await forgotten(program);
      const outcome = await measure({ program, bystanders, timeoutMs: timeout * 1_000 }, name, run);
      outcomes.push(outcome);
      print(`${rowOf(outcome).join('; ')}; ${outcome.answer}`);
      for (const what of complaints(outcome)) print(`  BROKEN ${what}`);
    }
    print(`\n${table([HEAD, ...outcomes.map(rowOf)])}\n${program.stderrTail}`);
    return outcomes.every((outcome) => complaints(outcome).length === 0) ? 0 : 1;
  } finally {
    await bystanders.close();
    await program.stop();
  }
});

function rowOf({ name, tookMs, noticed, terms, longestMs, blockedSeconds }: Outcome): readonly string[] {
  const { longestMs: waitedMs, errors, ownBlockMs } = noticed;
  const threads = ['main', ...Array.from({ length: SERVERS }, (_, id) => `server-${id}`)];
  return [
    name,
    (tookMs / 1_000).toFixed(1),
    waitedMs.toFixed(0),
    `${errors.length}`,
    `${terms}`,
    ownBlockMs.toFixed(0),
    ...threads.map((thread) => (longestMs.get(thread) ?? 0).toFixed(0)),
    `${blockedSeconds} s`,
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
