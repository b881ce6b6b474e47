/** `npm run watch-test`: watchers through many failovers, restarts and snapshots. */

import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { runWatches, type WatchRunOptions } from './watch-run.js';

const MAX_SEED = 2 ** 31;

const command = new Command('watch-test')
  .description('Watches all keys through failovers, restarts and snapshots, and checks what is told')
  .addOption(countOption('--watchers <n>', 'how many watch all the time', 50))
  .addOption(countOption('--failovers <n>', 'how often another server leads', 50))
  .addOption(countOption('--begins <n>', 'how many begin with the state at some moment', 1_000))
  .addOption(countOption('--seed <n>', 'of what is done', Math.floor(Math.random() * MAX_SEED)));

await runTool(command, async () => {
  const options = command.opts<WatchRunOptions>();
  process.stdout.write(`seed ${options.seed}\n`);
  const { findings, changes, snapshots, failovers } = await runWatches(options);
  for (const finding of findings.slice(0, 20)) process.stdout.write(`  ${finding}\n`);
  const what = `${changes} changes, ${failovers} failovers, ${snapshots} snapshots`;
  process.stdout.write(`watch-test: ${what}, ${findings.length} findings\n`);
  return findings.length === 0 ? 0 : 1;
});
