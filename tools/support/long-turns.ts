/** The turns of a program's threads that took long by their CPU time, as a probe in each thread has seen them (turn-probe.ts). */

import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Names the file that gets a {@link LongTurn} a line. */
export const TURN_FILE_VARIABLE = 'THREADRAFT_TURN_FILE';

/** A thread that is younger loads code: its own and, in the main thread, that of the admin port, piece by piece. */
const MIN_AGE_MS = 10_000;

/** The name of that thread. */
export const MAIN_THREAD = 'main';

export interface LongTurn {
  /** {@link MAIN_THREAD}, or `worker 3`. */
  readonly thread: string;
  /** For how long the thread had run, in ms. */
  readonly ageMs: number;
  /** At its end, in ms since 1970. */
  readonly atMs: number;
  /** At least so much of the thread's CPU time. */
  readonly cpuMs: number;
  /** How late the probe's timer was: what the turn took by the clock. */
  readonly lateMs: number;
}

export class LongTurns {
  readonly #directory: string;
  readonly #minAgeMs: number;
  /** Lines that were told. */
  #told = 0;

  private constructor(directory: string, minAgeMs: number) {
    this.#directory = directory;
    this.#minAgeMs = minAgeMs;
  }

  /** @param minAgeMs of a thread whose turns are told */
  static async open(minAgeMs = MIN_AGE_MS): Promise<LongTurns> {
    return new LongTurns(await mkdtemp(join(tmpdir(), 'threadraft-turns-')), minAgeMs);
  }

  /** What the program is to be started with. */
  get start(): { readonly nodeFlags: readonly string[]; readonly env: Readonly<Record<string, string>> } {
    return {
      nodeFlags: ['--import', new URL('./turn-probe.js', import.meta.url).href],
      env: { [TURN_FILE_VARIABLE]: this.#file },
    };
  }

  /** Those since the last call, of threads that have started for good. */
  take(): readonly LongTurn[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    const turns = lines.slice(this.#told).map((line): LongTurn => JSON.parse(line));
    this.#told = lines.length;
    return turns.filter(({ ageMs }) => ageMs >= this.#minAgeMs);
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#directory, 'turns.jsonl');
  }
}
