import { Program } from '../../support/program.js';
import { residentBytes } from '../../support/resident-bytes.js';
import { RudeClients } from '../../support/rude-clients.js';
import { GeneratorProcess } from '../load/generator-process.js';
import type { RoundResult, Workload } from '../load/workload.js';

export const SERVERS = 3;
const SAMPLE_EVERY_MS = 100;
const MODEST_CONNECTIONS = 10;
const BUSY_CONNECTIONS = 50;
const BUSY_DEPTH = 16;
const KEYSPACE = { keys: 1_000, valueBytes: 64 };

/** The program, modest clients, rude ones, and an eye on the memory. */
export class Site {
  readonly program: Program;
  readonly rude = new RudeClients();
  readonly #modest = new GeneratorProcess();
  readonly #busy = new GeneratorProcess();
  readonly #sampling: NodeJS.Timeout;
  #peakBytes = 0;

  private constructor(program: Program) {
    this.program = program;
    this.#sampling = setInterval(() => {
      residentBytes(program.pid).then((bytes) => {
        this.#peakBytes = Math.max(this.#peakBytes, bytes);
      });
    }, SAMPLE_EVERY_MS);
  }

  static async open(): Promise<Site> {
    const site = new Site(await Program.start({ servers: SERVERS, flags: ['--log-level', 'warn'] }));
    await site.modest(1);
    return site;
  }

  /** What clients see that have one command at a time in flight. */
  modest(seconds: number): Promise<RoundResult> {
    return this.#modest.run(this.#workload({ seconds, connections: MODEST_CONNECTIONS, depth: 1 }));
  }

  /** What clients see that keep the program busy with writes. */
  busy(seconds: number): Promise<RoundResult> {
    const workload = this.#workload({ seconds, connections: BUSY_CONNECTIONS, depth: BUSY_DEPTH });
    return this.#busy.run({ ...workload, operation: 'set' });
  }

  /** The most memory that the program has taken until now. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  async close(): Promise<void> {
    clearInterval(this.#sampling);
    this.rude.close();
    await this.#modest.close();
    await this.#busy.close();
    await this.program.stop();
  }

  #workload({
    seconds,
    connections,
    depth,
  }: {
    seconds: number;
    connections: number;
    depth: number;
  }): Workload {
    const limit = { type: 'seconds', seconds } as const;
    const { routerPort: port } = this.program;
    return { port, connections, depth, operation: 'mixed', keyspace: KEYSPACE, limit };
  }
}
