/**
 * CPU time that a command takes, of several programs that run side by side, each of them loaded in turn.
 *
 * One start of a program differs from the next by up to 8 %, as the compiler decides in another order. So the figure of a
 * start is the median of its rounds, and what is compared are starts.
 */

import { cpuTimeUs } from '../../support/cpu-time.js';
import { Program, ProgramError } from '../../support/program.js';
import { median } from '../../support/statistics.js';
import type { RowLoad } from '../check/rows.js';
import { LoadError } from '../load/connection.js';
import { GeneratorProcess } from '../load/generator-process.js';
import type { RoundResult, Workload } from '../load/workload.js';

export interface CpuOptions {
  /** The scripts that are the programs. */
  readonly entries: readonly string[];
  readonly loads: readonly RowLoad[];
  readonly rounds: number;
  readonly servers: number;
}

/** For each program in the order of the entries, the figure of each load in the order of the loads: µs of CPU per command. */
export type StartFigures = readonly (readonly number[])[];

const CONNECTIONS = 50;
const KEYSPACE = { keys: 10_000, valueBytes: 64 };
const FILL: RowLoad = { row: 'set-64', operation: 'set', depth: 64, requests: KEYSPACE.keys };
/**
 * After its start the program compiles what it runs often, which costs up to four times as much as a command itself. The
 * first leader stays, although the machine has other things to do: another one's thread would have to compile as well.
 */
const WARM_UP_ROUNDS = 3;
const ELECTION_TIMEOUT_MS = 5_000;
/** A leader may be followed by another during a round: what it answers then is no measure. */
const ATTEMPTS = 5;

/**
 * Starts all programs, measures, and stops them. Rejects with ProgramError or LoadError, soon after `signal` is aborted in any
 * case; the programs have ended then.
 */
export async function measureStart(options: CpuOptions, signal: AbortSignal): Promise<StartFigures> {
  const generator = new GeneratorProcess();
  const programs: Program[] = [];
  const kill = () => void Promise.all(programs.map((program) => program.kill()));
  signal.addEventListener('abort', kill);
  try {
    for (const entry of options.entries) {
      signal.throwIfAborted();
      const flags = ['--log-level', 'warn', '--election-timeout', `${ELECTION_TIMEOUT_MS}`];
      programs.push(await Program.start({ entry, servers: options.servers, flags }));
    }
    for (const program of programs) await commandCostUs(generator, program, FILL);
    const figures = await measureInTurns(options, generator, programs);
    for (const program of programs) await program.stop();
    return figures;
  } catch (error) {
    await Promise.all(programs.map((program) => program.kill()));
    throw error;
  } finally {
    signal.removeEventListener('abort', kill);
    await generator.close();
  }
}

async function measureInTurns(
  { loads, rounds }: CpuOptions,
  generator: GeneratorProcess,
  programs: readonly Program[],
): Promise<StartFigures> {
  const figures = programs.map(() => loads.map((): number[] => []));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1)
    for (const [place, load] of loads.entries())
      for (let turn = 0; turn < programs.length; turn += 1) {
        const which = (WARM_UP_ROUNDS + round + place + turn) % programs.length;
        const program = programs[which];
        if (program === undefined) continue;
        const costUs = await commandCostUs(generator, program, load);
        if (round >= 0) figures[which]?.[place]?.push(costUs);
      }
  return figures.map((each) => each.map(median));
}

async function commandCostUs(generator: GeneratorProcess, program: Program, load: RowLoad): Promise<number> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const workload = await workloadOf(load, program);
    const beforeUs = await cpuTimeUs(program.pid);
    const result = await generator.run(workload);
    const tookUs = (await cpuTimeUs(program.pid)) - beforeUs;
    if (isRight(result)) return tookUs / result.requests;
  }
  throw new LoadError(`wrong replies to ${load.operation}s in ${ATTEMPTS} rounds`);
}

function isRight({ errors }: RoundResult): boolean {
  return Object.keys(errors).length === 0;
}

async function workloadOf({ operation, depth, requests }: RowLoad, program: Program): Promise<Workload> {
  const port = program.serverPorts[await program.leader()];
  if (port === undefined) throw new ProgramError('the leader is none of the servers', '');
  const limit = { type: 'requests', requests } as const;
  return { port, connections: CONNECTIONS, depth, operation, keyspace: KEYSPACE, limit };
}
