/** `npm run chaos:etcd`: servers whose keys are in etcd, while nodes of etcd and servers fail. */

import { Command, Option } from 'commander';
import { BUILT_PROGRAM } from '../chaos/site.js';
import { countOption, runTool, wholeNumber } from '../support/arguments.js';
import { runChaos } from './run.js';

interface Arguments {
  readonly seconds: number;
  readonly clients: number;
  readonly keys: number;
  readonly seed: number;
  readonly program: string;
}

const MAX_SEED = 2 ** 31;

const command = new Command('chaos:etcd')
  .description(
    'Does faults to etcd and to servers that keep their keys there, and checks that they are linearizable',
  )
  .addOption(countOption('--seconds <n>', 'how long', 60))
  .addOption(countOption('--clients <n>', 'how many, each with one operation at a time', 16))
  .addOption(countOption('--keys <n>', 'how many they share', 8))
  .addOption(
    new Option('--seed <n>', 'of the schedule')
      .default(Math.floor(Math.random() * MAX_SEED), 'any one')
      .argParser(wholeNumber(0, MAX_SEED)),
  )
  .addOption(
    new Option('--program <file>', 'a script to run instead').default(BUILT_PROGRAM, 'the built program'),
  );

await runTool(command, async () => {
  const { program, ...args } = command.opts<Arguments>();
  const startMs = performance.now();
  process.stdout.write(`seed ${args.seed}\n`);
  const { isRight, report } = await runChaos({
    ...args,
    entry: program,
    tell: (what) =>
      process.stdout.write(`${(performance.now() - startMs).toFixed(0).padStart(8)} ms  ${what}\n`),
  });
  process.stdout.write(`${report.join('\n')}\n`);
  return isRight ? 0 : 1;
});
