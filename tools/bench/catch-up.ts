/**
 * `npm run bench:catch-up`: how long a server that was away for many writes takes to have all of them, from the log and
 * from a snapshot.
 */

import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { Program } from '../support/program.js';
import { GeneratorProcess } from './load/generator-process.js';

const CONNECTIONS = 16;
const DEPTH = 64;
const KEYSPACE = { keys: 10_000, valueBytes: 64 };

/** With this much log before a snapshot, all that was missed is still in it; with this little, none is. */
const WAYS = [
  { name: 'log', snapshotLogBytes: 256 * 1024 * 1024 },
  { name: 'snapshot', snapshotLogBytes: 1024 * 1024 },
] as const;

interface Arguments {
  readonly writes: number;
  readonly within: number;
}

const command = new Command('bench:catch-up')
  .description('Kills a follower, writes, restarts it, and measures until it has caught up')
  .addOption(countOption('--writes <count>', 'how many it misses', 200_000))
  .addOption(countOption('--within <ms>', 'how long it may take', 2_000));

await runTool(command, async () => {
  const { writes, within } = command.opts<Arguments>();
  let slowestMs = 0;
  for (const { name, snapshotLogBytes } of WAYS) {
    const tookMs = await measure(writes, snapshotLogBytes);
    slowestMs = Math.max(slowestMs, tookMs);
    process.stdout.write(
      `${writes} writes by ${name}: caught up ${tookMs.toFixed(0)} ms after its restart\n`,
    );
  }
  return slowestMs <= within ? 0 : 1;
});

async function measure(writes: number, snapshotLogBytes: number): Promise<number> {
  const flags = ['--snapshot-log-bytes', `${snapshotLogBytes}`, '--log-level', 'warn'];
  const program = await Program.start({ servers: 3, flags });
  const generator = new GeneratorProcess();
  try {
    const follower = ((await program.leader()) + 1) % 3;
    await program.killServer(follower);
    await generator.run({
      port: program.routerPort,
      connections: CONNECTIONS,
      depth: DEPTH,
      operation: 'set',
      keyspace: KEYSPACE,
      limit: { type: 'requests', requests: writes },
    });
    const startMs = performance.now();
    await program.restartServer(follower);
    await program.waitFor('the follower has caught up', ({ leader, servers }) => {
      const commitIndex = servers[leader ?? -1]?.commitIndex ?? Number.POSITIVE_INFINITY;
      return (servers[follower]?.lastApplied ?? 0) >= commitIndex;
    });
    return performance.now() - startMs;
  } finally {
    await generator.close();
    await program.stop();
  }
}
