/**
 * Makes a run that breaks a property smaller, as long as it breaks the same one: fewer faults, fewer clients, fewer steps.
 * What is left is easier to read.
 */

import { type SimulationOptions, type SimulationResult, simulate } from './simulation.js';

export type ShrunkRun = Pick<SimulationOptions, 'seed' | 'servers' | 'steps' | 'without'>;

/** Resolves to a run that breaks the same property as `broken` did. Gives up once `timeoutMs` are over. */
export async function shrink(
  run: ShrunkRun,
  broken: SimulationResult,
  timeoutMs: number,
): Promise<{ readonly run: ShrunkRun; readonly result: SimulationResult }> {
  const search = new Search(run, broken, timeoutMs);
  await search.shorten();
  const clients = Array.from({ length: broken.clients }, (_, id) => `c${id}`);
  await search.leaveOut(clients);
  await search.leaveOut(broken.faults);
  await search.leaveOut(clients);
  await search.shorten();
  return search;
}

class Search {
  run: ShrunkRun;
  result: SimulationResult;
  readonly #property: string | undefined;
  readonly #endMs: number;

  constructor(run: ShrunkRun, broken: SimulationResult, timeoutMs: number) {
    this.run = run;
    this.result = broken;
    this.#property = broken.violation?.property;
    this.#endMs = performance.now() + timeoutMs;
  }

  /** Stops the faults right where the property broke, if it breaks all the same. */
  async shorten(): Promise<void> {
    if (this.result.steps < this.run.steps) await this.#try({ ...this.run, steps: this.result.steps });
  }

  /** Leaves out as many of these as it can: halves first, then smaller parts (delta debugging, Zeller 1999). */
  async leaveOut(names: readonly string[]): Promise<void> {
    let rest = names.filter((name) => !this.run.without.includes(name));
    for (let size = rest.length; size >= 1; size = Math.floor(size / 2)) {
      for (let start = 0; start < rest.length; ) {
        const part = rest.slice(start, start + size);
        if (await this.#try({ ...this.run, without: [...this.run.without, ...part] }))
          rest = rest.filter((name) => !part.includes(name));
        else start += size;
      }
    }
  }

  async #try(run: ShrunkRun): Promise<boolean> {
    if (performance.now() > this.#endMs) return false;
    const result = await simulate({ ...run, trace: undefined });
    if (result.violation?.property !== this.#property) return false;
    this.run = run;
    this.result = result;
    return true;
  }
}
