/** The built program on its directory, killed and started again, and what of it is well. */

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, ProgramError, type ProgramStatus } from '../support/program.js';
import type { DiskFault } from './failing-disk.js';
import type { Health } from './health.js';

const FAILING_DISK = new URL('./failing-disk.js', import.meta.url).href;
export const BUILT_PROGRAM = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));
/** Small, so that some server is often in the midst of a snapshot. */
const SNAPSHOT_LOG_BYTES = 200_000;

export interface SiteOptions {
  /** The script to run. */
  readonly entry: string;
  readonly servers: number;
  readonly port: number;
  readonly dataDir: string;
  /** Holds the files that make disks fail. */
  readonly diskFaultsDir: string;
  readonly health: Health;
}

export class Site {
  readonly servers: number;
  readonly health: Health;
  readonly #options: SiteOptions;
  #program: Promise<Program> | undefined;

  constructor(options: SiteOptions) {
    this.servers = options.servers;
    this.health = options.health;
    this.#options = options;
  }

  get ids(): number[] {
    return Array.from({ length: this.servers }, (_, id) => id);
  }

  /** Resolves once a leader serves. Rejects with ProgramError. */
  async start(): Promise<void> {
    this.#program = this.#startProgram();
    await this.#program;
    this.health.programUp();
  }

  #startProgram(): Promise<Program> {
    const { entry, servers, port, dataDir, diskFaultsDir } = this.#options;
    return Program.start({
      entry,
      servers,
      port,
      storage: { dataDir },
      nodeFlags: ['--import', FAILING_DISK],
      env: { CHAOS_DISK_FAULTS: diskFaultsDir },
      flags: ['--snapshot-log-bytes', `${SNAPSHOT_LOG_BYTES}`, '--log-level', 'warn'],
    });
  }

  /** The program, once it serves. */
  async program(): Promise<Program> {
    if (this.#program === undefined) throw new ProgramError('the program was not started', '');
    return this.#program;
  }

  /** Kills the program and starts it again. */
  async restart(): Promise<void> {
    const program = await this.program();
    this.health.programDown();
    this.#program = program.kill().then(() => this.#startProgram());
    await this.#program;
    this.health.programUp();
  }

  async stop(): Promise<void> {
    this.health.programDown();
    await (await this.program()).stop();
  }

  /** Ends the program at once, if it runs. */
  async destroy(): Promise<void> {
    const program = await this.#program?.catch(() => undefined);
    await program?.kill();
  }

  /**
   * Does something to the program, and again if {@link restart} killed it meanwhile. Rejects as `act` does otherwise.
   */
  async tell<T>(act: (program: Program) => Promise<T>): Promise<T> {
    while (true) {
      const program = await this.program();
      try {
        return await act(program);
      } catch (error) {
        if (program === (await this.program())) throw error;
      }
    }
  }

  /** Starts servers that are down, and resolves once they run. */
  async restartServers(ids: readonly number[]): Promise<void> {
    const program = await this.program();
    for (const id of ids) await program.restartServer(id);
    await this.untilRunning(ids);
  }

  async untilRunning(ids: readonly number[]): Promise<void> {
    const areRunning = ({ servers }: ProgramStatus) => ids.every((id) => servers[id]?.state === 'running');
    await (await this.program()).waitFor(`servers ${ids.join(', ')} run`, areRunning);
    this.health.well(...ids);
  }

  async setDiskFault(id: number, fault: DiskFault): Promise<void> {
    await writeFile(this.diskFaultFile(id), fault);
  }

  async clearDiskFault(id: number): Promise<void> {
    await rm(this.diskFaultFile(id), { force: true });
  }

  diskFaultFile(id: number): string {
    return join(this.#options.diskFaultsDir, `server-${id}`);
  }
}
