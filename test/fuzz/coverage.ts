/**
 * Which parts of the program an input has run, as V8 counts it: block by block, without a build of its own for it.
 *
 * Fuzzers that bring an engine (Jazzer.js) need a newer C library than the oldest system we support, and know no ES modules.
 */

import { type Profiler, Session } from 'node:inspector';

/** What was built from src/, and what reads bytes from outside for it. */
const OF_THE_PROGRAM = /\/(dist\/src|node_modules\/valibot)\//;

export class Coverage {
  readonly #session = new Session();
  readonly #known = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** How many blocks were seen so far. */
  get size(): number {
    return this.#known.size;
  }

  /** What has run since this was called last and never before. It is known from now on if `isToKeep`. */
  takeNew({ isToKeep }: { readonly isToKeep: boolean }): number {
    let count = 0;
    for (const key of this.#take()) {
      if (this.#known.has(key)) continue;
      count += 1;
      if (isToKeep) this.#known.add(key);
    }
    return count;
  }

  close(): void {
    this.#session.disconnect();
  }

  #take(): Set<string> {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error !== null) throw error;
      scripts = taken.result;
    });
    const keys = new Set<string>();
    for (const { scriptId, url, functions } of scripts) {
      if (!OF_THE_PROGRAM.test(url)) continue;
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) keys.add(`${scriptId}:${startOffset}:${endOffset}`);
    }
    return keys;
  }
}
