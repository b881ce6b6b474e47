/** One run of a program, from its start to its end, for the figures of the wanted rows. */

import { setTimeout as pause } from 'node:timers/promises';
import { Program, ProgramError } from '../../support/program.js';
import { residentBytes } from '../../support/resident-bytes.js';
import { median } from '../../support/statistics.js';
import { failOverAgainAndAgain } from '../failover/measure.js';
import { LoadError } from '../load/connection.js';
import { GeneratorProcess } from '../load/generator-process.js';
import type { RoundResult, Workload } from '../load/workload.js';
import { type Figures, ROW_LOADS, type Row, type RowLoad } from './rows.js';

export interface VisitOptions {
  /** The script that is the program. */
  readonly entry: string;
  readonly rows: readonly Row[];
  /** Part of the usual requests, from 0 to 1. */
  readonly scale: number;
  /** Leaders to kill for the row `failover`. */
  readonly kills: number;
}

const SERVERS = 3;
const CONNECTIONS = 50;
const FAILOVER_CLIENTS = 8;
const KEYSPACE = { keys: 10_000, valueBytes: 64 };
/** After its start and after a load, the program frees and compiles for a while. */
const SETTLING_MS = 500;
/** Of a row's requests, those that come before and do not count. */
const WARM_UP_PART = 0.3;
/** A leader may be followed by another during a round: what it answers then is no measure. */
const ATTEMPTS = 5;
const MIB = 1024 * 1024;

/**
 * Starts the program, measures and ends it. Rejects with ProgramError or LoadError, soon after `signal` is aborted in any
 * case; the program has ended then.
 */
export async function visit(options: VisitOptions, signal: AbortSignal): Promise<Figures> {
  signal.throwIfAborted();
  const flags = ['--log-level', 'warn'];
  const program = await Program.start({ entry: options.entry, servers: SERVERS, flags });
  const kill = () => void program.kill();
  signal.addEventListener('abort', kill);
  try {
    signal.throwIfAborted();
    const figures = await new Visit(program, options).run();
    await program.stop();
    return figures;
  } catch (error) {
    await program.kill();
    throw error;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

class Visit {
  readonly #program: Program;
  readonly #options: VisitOptions;
  readonly #figures = new Map<Row, number>();

  constructor(program: Program, options: VisitOptions) {
    this.#program = program;
    this.#options = options;
  }

  async run(): Promise<Figures> {
    if (this.#wants('ready')) this.#figures.set('ready', this.#program.readyAfterMs);
    if (this.#wants('memory-ready')) this.#figures.set('memory-ready', await this.#settledMib());
    await this.#load();
    if (this.#wants('memory-load')) this.#figures.set('memory-load', await this.#settledMib());
    if (this.#wants('failover')) this.#figures.set('failover', await this.#failover());
    return this.#figures;
  }

  #wants(row: Row): boolean {
    return this.#options.rows.includes(row);
  }

  /** All loads where what is wanted is the memory after them. */
  async #load(): Promise<void> {
    const loads = ROW_LOADS.filter(({ row }) => this.#wants(row) || this.#wants('memory-load'));
    if (loads.length === 0) return;
    const generator = new GeneratorProcess();
    try {
      await this.#round(generator, { row: 'set-64', operation: 'set', depth: 64, requests: KEYSPACE.keys });
      for (const load of loads) {
        const requests = Math.ceil(load.requests * this.#options.scale);
        await this.#round(generator, { ...load, requests: Math.ceil(requests * WARM_UP_PART) });
        const { requestsPerSecond } = await this.#round(generator, { ...load, requests });
        if (this.#wants(load.row)) this.#figures.set(load.row, requestsPerSecond);
      }
    } finally {
      await generator.close();
    }
  }

  async #round(generator: GeneratorProcess, load: RowLoad): Promise<RoundResult> {
    let wrong: readonly string[] = [];
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const result = await generator.run(this.#workload(load, await this.#leaderPort()));
      wrong = Object.entries(result.errors).map(([what, count]) => `${count} x ${what}`);
      if (wrong.length === 0) return result;
    }
    throw new LoadError(`wrong replies to ${load.operation}s in ${ATTEMPTS} rounds: ${wrong.join(', ')}`);
  }

  #workload({ operation, depth, requests }: RowLoad, port: number): Workload {
    const limit = { type: 'requests', requests } as const;
    return { port, connections: CONNECTIONS, depth, operation, keyspace: KEYSPACE, limit };
  }

  async #leaderPort(): Promise<number> {
    const port = this.#program.serverPorts[await this.#program.leader()];
    if (port === undefined) throw new ProgramError('the leader is none of the servers', '');
    return port;
  }

  async #settledMib(): Promise<number> {
    await pause(SETTLING_MS);
    return (await residentBytes(this.#program.pid)) / MIB;
  }

  async #failover(): Promise<number> {
    const { rounds, lost } = await failOverAgainAndAgain(this.#program, {
      rounds: this.#options.kills,
      clients: FAILOVER_CLIENTS,
    });
    if (lost[0] !== undefined) throw new ProgramError('an acknowledged write was lost', lost[0]);
    return median(rounds.map(({ routerMs, directMs }) => Math.max(routerMs, directMs)));
  }
}
