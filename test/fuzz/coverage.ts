/**
 * Which parts of the program an input has run, as V8 counts it: block by block, without a build of its own for it.
 *
 * Fuzzers that bring an engine (Jazzer.js) need a newer C library than the oldest system we support, and know no ES modules.
 */

import { type Profiler, Session } from 'node:inspector';

/** What was built from src/, and what reads bytes from outside for it. */
const OF_THE_PROGRAM = /\/(dist\/src|node_modules\/valibot)\//;

/** To be made before the program's modules are loaded: what was compiled before is only counted function by function. */
export class Coverage {
  readonly #session = new Session();
  /**
   * For each function, by its place in its script: which characters of it have run. V8 merges neighbouring blocks that ran
   * equally often, so where its ranges end says little: with other counts they would end elsewhere.
   */
  readonly #known = new Map<string, Uint8Array>();
  #size = 0;

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** How many characters of the program's code have run so far. */
  get size(): number {
    return this.#size;
  }

  /** How many have run since this was called last and never before. They are known from now on if `isToKeep`. */
  takeNew({ isToKeep }: { readonly isToKeep: boolean }): number {
    let count = 0;
    for (const { scriptId, url, functions } of this.#take())
      if (OF_THE_PROGRAM.test(url))
        for (const { ranges } of functions) count += this.#add(scriptId, ranges, isToKeep);
    if (isToKeep) this.#size += count;
    return count;
  }

  close(): void {
    this.#session.disconnect();
  }

  /** @param ranges of one function: the first is all of it, and a later one counts for what lies in it */
  #add(scriptId: string, ranges: readonly Profiler.CoverageRange[], isToKeep: boolean): number {
    const [{ startOffset, endOffset, count } = { startOffset: 0, endOffset: 0, count: 0 }] = ranges;
    if (count === 0) return 0;
    const hasRun = new Uint8Array(endOffset - startOffset);
    for (const range of ranges)
      hasRun.fill(range.count > 0 ? 1 : 0, range.startOffset - startOffset, range.endOffset - startOffset);
    const key = `${scriptId}:${startOffset}:${endOffset}`;
    const known = this.#known.get(key) ?? new Uint8Array(hasRun.length);
    let added = 0;
    for (let at = 0; at < hasRun.length; at += 1) {
      if (hasRun[at] === 0 || known[at] === 1) continue;
      added += 1;
      if (isToKeep) known[at] = 1;
    }
    if (isToKeep && added > 0) this.#known.set(key, known);
    return added;
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error !== null) throw error;
      scripts = taken.result;
    });
    return scripts;
  }
}
