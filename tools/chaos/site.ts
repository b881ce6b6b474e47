/** The built program on its directory, killed and started again, and what of it is well. */

import { rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CertificateFiles } from '../support/certificates.js';
import type { LongTurns } from '../support/long-turns.js';
import { Program, ProgramError, type ProgramStatus } from '../support/program.js';
import type { DiskFault } from './failing-disk.js';
import type { Health } from './health.js';
import { type ServerHome, serverHomes } from './server-homes.js';

const FAILING_DISK = new URL('./failing-disk.js', import.meta.url).href;
const SKEWED_CLOCK = new URL('./skewed-clock.js', import.meta.url).href;
const CLOCK_FILE = 'clock';
/** For servers to run again, which a fault of another kind may hold up. */
const RESTART_TIMEOUT_MS = 20_000;
const RESTART_PAUSE_MS = 20;
const MAX_SERVERS = 9;
/** How many more than in the beginning there may be. */
const MORE_SERVERS = 2;
export const BUILT_PROGRAM = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));
/** Small, so that some server is often in the midst of a snapshot. */
const SNAPSHOT_LOG_BYTES = 200_000;

export interface SiteOptions {
  /** The script to run. */
  readonly entry: string;
  readonly servers: number;
  readonly port: number;
  /** What the program speaks TLS with; undefined for plain text. */
  readonly tls?: Pick<CertificateFiles, 'flags' | 'ca'> | undefined;
  /** One for all servers, or one for each. */
  readonly dataDirs: readonly string[];
  /** Holds the files that make disks fail, and the clock differ. */
  readonly faultsDir: string;
  readonly health: Health;
  /** Hears of the program's long turns. */
  readonly turns: LongTurns;
}

export class Site {
  readonly health: Health;
  /** Servers that a fault has stopped, or is about to: another one that stops servers leaves them alone. */
  readonly taken = new Set<number>();
  /** For those who have the whole process stand still or end. */
  readonly process = new Lock();
  /** For a fault of a disk, and for those who would start the program on one that is not well. */
  readonly disks = new Lock();
  readonly #options: SiteOptions;
  /** The file of each server's last disk fault. */
  readonly #diskFaults = new Map<number, string>();
  /** As the command line names them. */
  #dataDirs: readonly string[];
  #newDirs = 0;
  #ids: readonly number[];
  #program: Promise<Program> | undefined;

  constructor(options: SiteOptions) {
    this.#ids = Array.from({ length: options.servers }, (_, id) => id);
    this.health = options.health;
    this.#dataDirs = options.dataDirs;
    this.#options = options;
  }

  /** The members, in the order of their ids. While they change, those before. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  get servers(): number {
    return this.#ids.length;
  }

  /** Ids that members may have. */
  get slots(): readonly number[] {
    const count = Math.min(MAX_SERVERS, this.#options.servers + MORE_SERVERS);
    return Array.from({ length: count }, (_, id) => id);
  }

  /** These are the members. */
  setMembers(ids: readonly number[]): void {
    this.#ids = ids;
    this.health.setMembers(ids);
  }

  /** Resolves once a leader serves. Rejects with ProgramError. */
  async start(): Promise<void> {
    this.#program = this.#startProgram({ isThere: false });
    await this.#program;
    this.health.programUp();
  }

  #startProgram({ isThere }: { readonly isThere: boolean }): Promise<Program> {
    const { entry, servers, port, faultsDir, tls, turns } = this.#options;
    return Program.start({
      entry,
      servers,
      isThere,
      port,
      storage: { dataDir: this.#dataDirs },
      nodeFlags: ['--import', FAILING_DISK, '--import', SKEWED_CLOCK, ...turns.start.nodeFlags],
      env: { CHAOS_DISK_FAULTS: faultsDir, CHAOS_CLOCK: join(faultsDir, CLOCK_FILE), ...turns.start.env },
      flags: ['--snapshot-log-bytes', `${SNAPSHOT_LOG_BYTES}`, '--log-level', 'warn', ...(tls?.flags ?? [])],
      ca: tls?.ca,
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
    this.#program = program.kill().then(() => this.#startProgram({ isThere: true }));
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

  /** Has the whole process stand still, or go on. No effect once it has ended. */
  async signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const program = await this.program();
    if (!program.hasExited) process.kill(program.pid, signal);
  }

  /**
   * Starts servers that are down, and resolves once they run. A start is refused while a disk is not well, and is tried again
   * then.
   */
  async restartServers(ids: readonly number[]): Promise<void> {
    const program = await this.program();
    const giveUpAtMs = performance.now() + RESTART_TIMEOUT_MS;
    for (const id of ids) {
      while (this.ids.includes(id) && !(await isRunning(program, id))) {
        try {
          await program.restartServer(id);
        } catch (error) {
          if (!(error instanceof ProgramError) || performance.now() > giveUpAtMs) throw error;
          await pause(RESTART_PAUSE_MS);
        }
      }
    }
  }

  /** Resolves once servers run that the program starts by itself. */
  async untilRunning(ids: readonly number[]): Promise<void> {
    const areRunning = ({ servers }: ProgramStatus) =>
      ids.every(
        (id) => !this.ids.includes(id) || servers.some((one) => one.id === id && one.state === 'running'),
      );
    await (await this.program()).waitFor(`servers ${ids.join(', ')} run`, areRunning);
  }

  /**
   * Resolves once a leader serves, and all servers run, have nothing to complain of and have applied what was committed when
   * this began. Rejects with ProgramError when that takes longer.
   */
  async untilInService(timeoutMs: number): Promise<void> {
    const program = await this.program();
    const commitIndex = Math.max(...(await program.status()).servers.map((server) => server.commitIndex));
    const isInService = ({ leader, servers }: ProgramStatus) =>
      leader !== null &&
      servers.every(
        ({ state, reason, lastApplied }) =>
          state === 'running' && reason === undefined && lastApplied >= commitIndex,
      );
    await program.waitFor('all servers are back in service', isInService, timeoutMs);
    await program.untilMembersSettle(timeoutMs);
  }

  /** A server that is being removed may have no directory any more: then nothing is done to it. */
  async setDiskFault(id: number, fault: DiskFault): Promise<void> {
    const home = (await serverHomes(this.#dataDirs)).get(id);
    if (home === undefined) {
      if (this.ids.includes(id) && !this.taken.has(id)) throw new RangeError(`server ${id} has no directory`);
      return;
    }
    this.#diskFaults.set(id, join(this.#options.faultsDir, `server-${home.identity}`));
    await writeFile(this.diskFaultFile(id), fault);
  }

  async clearDiskFault(id: number): Promise<void> {
    await rm(this.diskFaultFile(id), { force: true });
  }

  diskFaultFile(id: number): string {
    return this.#diskFaults.get(id) ?? join(this.#options.faultsDir, `server-${id}`);
  }

  /** Whether each server has a data directory to itself. */
  get isApart(): boolean {
    return this.#options.dataDirs.length > 1;
  }

  /** The files of a server, which is down, are gone. */
  async removeFiles(id: number): Promise<void> {
    const { identity, dataDir } = await this.#homeOf(id);
    await rm(this.isApart ? dataDir : join(dataDir, `server-${identity}`), { recursive: true, force: true });
  }

  /** From now on all writes to the disk of the server fail, also once another has its place. */
  async failForEver(id: number): Promise<void> {
    const { identity, dataDir } = await this.#homeOf(id);
    const names = [`server-${identity}`, ...(this.isApart ? [basename(dataDir)] : [])];
    for (const name of names)
      await writeFile(join(this.#options.faultsDir, name), 'fail' satisfies DiskFault);
  }

  /** Names a directory that nobody has used, on the command line too, in place of the server's. */
  async renewDirectory(id: number): Promise<string> {
    const { dataDir } = await this.#homeOf(id);
    this.#newDirs += 1;
    const renewed = `${this.#options.dataDirs[0]}-new-${this.#newDirs}`;
    this.#dataDirs = this.#dataDirs.map((path) => (path === dataDir ? renewed : path));
    return renewed;
  }

  async #homeOf(id: number): Promise<ServerHome> {
    const home = (await serverHomes(this.#dataDirs)).get(id);
    if (home === undefined) throw new RangeError(`server ${id} has no directory`);
    return home;
  }

  /** The wall clock differs from the machine's by this much from now on, after a restart of the program, too. */
  async setClock(offsetMs: number): Promise<void> {
    await writeFile(join(this.#options.faultsDir, CLOCK_FILE), `${offsetMs}`);
  }
}

async function isRunning(program: Program, id: number): Promise<boolean> {
  return (await program.status()).servers.some((server) => server.id === id && server.state === 'running');
}

/** One at a time. */
export class Lock {
  #last: Promise<unknown> = Promise.resolve();

  /** Does it once all that came before is done. */
  hold<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#last.then(action);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
