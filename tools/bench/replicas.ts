/**
 * `npm run bench:replicas`: GETs of Redis clients that are spread over all servers by READONLY, against all of them at the
 * leader.
 *
 * One load generator for each server, so that both parts of a round have as many: they differ in the ports alone. A machine
 * with fewer cores than servers and generators has nothing to spread the work over, and shows what asking the leader costs.
 */

import { cpus } from 'node:os';
import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { Program } from '../support/program.js';
import { median } from '../support/statistics.js';
import { GeneratorProcess } from './load/generator-process.js';
import type { RoundResult, Workload } from './load/workload.js';

interface Arguments {
  readonly servers: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly depth: number;
}

const KEYSPACE = { keys: 10_000, valueBytes: 64 };

const command = new Command('bench:replicas')
  .description('Measures GETs at all servers, after READONLY, against GETs at the leader alone')
  .addOption(countOption('--servers <count>', 'servers, and load generators', 3))
  .addOption(countOption('--rounds <count>', 'rounds that count, after one to warm up', 10))
  .addOption(countOption('--seconds <count>', 'duration of each part of a round', 2))
  .addOption(countOption('--connections <count>', 'client connections of each generator', 16))
  .addOption(countOption('--depth <count>', 'requests that a connection sends at once', 16));

await runTool(command, async () => {
  const { servers, rounds, seconds, connections, depth } = command.opts<Arguments>();
  const program = await Program.start({ servers, storage: 'temporary' });
  const generators = Array.from({ length: servers }, () => new GeneratorProcess());
  const load = { connections, depth, protocol: 'resp', keyspace: KEYSPACE } as const;
  const atLeader: Part[] = [];
  const spread: Part[] = [];
  try {
    const leaderPort = program.serverPorts[await program.leader()] ?? program.routerPort;
    const [first] = generators;
    const all = { type: 'requests', requests: KEYSPACE.keys } as const;
    await first?.run({ ...load, port: leaderPort, operation: 'set', limit: all });
    const gets = { ...load, operation: 'get', limit: { type: 'seconds', seconds } } as const;
    for (let round = 0; round <= rounds; round += 1) {
      const one = await part(generators, () => ({ ...gets, port: leaderPort }));
      const other = await part(generators, (id) => ({
        ...gets,
        port: program.serverPorts[id] ?? leaderPort,
        greeting: 'READONLY',
      }));
      if (round === 0) continue;
      atLeader.push(one);
      spread.push(other);
    }
  } finally {
    for (const generator of generators) await generator.close();
    await program.stop();
  }
  const ratios = spread.map(({ rate }, round) => rate / (atLeader[round]?.rate ?? rate));
  print(
    `${servers} servers, ${servers} generators with ${connections} connections each, depth ${depth}, ${cpus().length} cores`,
  );
  print(`at the leader        ${inWords(atLeader)}`);
  print(`at all, by READONLY  ${inWords(spread)}, ${median(ratios).toFixed(2)} times as many`);
  const wrong = [...atLeader, ...spread].flatMap(({ errors }) => errors);
  for (const error of wrong) print(`WRONG: ${error}`);
  return wrong.length === 0 ? 0 : 1;
});

/** All generators at once. */
interface Part {
  /** Requests per second. */
  readonly rate: number;
  readonly p99Us: number;
  readonly errors: readonly string[];
}

async function part(
  generators: readonly GeneratorProcess[],
  workload: (id: number) => Workload,
): Promise<Part> {
  const results = await Promise.all(generators.map((generator, id) => generator.run(workload(id))));
  return {
    rate: results.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0),
    p99Us: Math.max(...results.map(({ latencyUs }) => latencyUs.p99)),
    errors: results.flatMap(({ errors }: RoundResult) => Object.keys(errors)),
  };
}

function inWords(parts: readonly Part[]): string {
  const rate = Math.round(median(parts.map((one) => one.rate))).toLocaleString('en');
  return `${rate} GETs/s, p99 ${median(parts.map(({ p99Us }) => p99Us))} µs`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
