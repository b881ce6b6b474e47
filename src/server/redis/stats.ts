/** What INFO counts, since the start or the last CONFIG RESETSTAT. */

export interface StatsReading {
  readonly connections: number;
  readonly commands: number;
  readonly errors: number;
  /** GETs that found a key, and that did not. */
  readonly hits: number;
  readonly misses: number;
  /** From and to clients, as far as this server has heard of it. */
  readonly inputBytes: number;
  readonly outputBytes: number;
}

const NOTHING: StatsReading = {
  connections: 0,
  commands: 0,
  errors: 0,
  hits: 0,
  misses: 0,
  inputBytes: 0,
  outputBytes: 0,
};

export class Stats {
  readonly #read: () => StatsReading;
  #base = NOTHING;

  /** @param read tells what was counted since the start */
  constructor(read: () => StatsReading) {
    this.#read = read;
  }

  reset(): void {
    this.#base = this.#read();
  }

  read(): StatsReading {
    const now = this.#read();
    const base = this.#base;
    return {
      connections: now.connections - base.connections,
      commands: now.commands - base.commands,
      errors: now.errors - base.errors,
      hits: now.hits - base.hits,
      misses: now.misses - base.misses,
      inputBytes: now.inputBytes - base.inputBytes,
      outputBytes: now.outputBytes - base.outputBytes,
    };
  }
}
