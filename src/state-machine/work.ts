/**
 * How much work was done, counted as it is done, so that it can stop when a turn of the event loop has had enough.
 *
 * A unit is about a nanosecond of a slow core, and never much more. What a command costs depends on the command and on the
 * replicated state alone, so all servers count the same for the same entry.
 */

/** Converts work that is given in time. */
export const UNITS_PER_MS = 1_000_000;

/** A Redis command, besides what its keys and bytes cost. */
export const COMMAND_WORK = 500;

/** Finding, adding or removing a key, besides its bytes. */
export const KEY_WORK = 300;

/** Reading an argument as a string, besides its bytes. */
export const ARG_WORK = 80;

/** Removing the key that has expired first. */
export const EXPIRY_WORK = 1_500;

/** Finding a client's session, and what it knows of a command. */
export const SESSION_WORK = 1_000;

/** Looking at a place where there may be a key, and there is none. */
export const PLACE_WORK = 10;

/** A step in comparing a key with a pattern. */
export const MATCH_WORK = 5;

/** A byte that goes through a checksum. A byte that is copied is one unit. */
export const CHECKSUM_BYTE_WORK = 4;

/** Between two looks at the clock. */
const LOOK_UNITS = 500_000;

export class Work {
  /** The work so far that is the same on all servers. */
  units = 0;
  #hiddenUnits = 0;
  #end = Number.POSITIVE_INFINITY;
  /** When that many units are done, somebody has to look whether the time is over. */
  #nextLook = Number.POSITIVE_INFINITY;
  #endMs = Number.POSITIVE_INFINITY;
  readonly #nowMs: (() => number) | undefined;

  /** @param nowMs a clock, if {@link allow} is to limit the time, too */
  constructor(nowMs?: () => number) {
    this.#nowMs = nowMs;
  }

  /** Counts work that depends on how this server's memory lies. */
  addHidden(units: number): void {
    this.#hiddenUnits += units;
  }

  get totalUnits(): number {
    return this.units + this.#hiddenUnits;
  }

  /**
   * Allows this many units more until it is spent, and this many ms: units are an estimate, and code that runs for the first
   * time, or a collection of garbage, takes longer.
   */
  allow(units: number, ms = Number.POSITIVE_INFINITY): void {
    this.#end = this.totalUnits + units;
    this.#endMs = this.#nowMs === undefined ? ms : this.#nowMs() + ms;
    this.#lookLater();
  }

  /** Whether what was allowed is used up: the work should stop at the next place from which it can go on later. */
  get isSpent(): boolean {
    return this.totalUnits >= this.#nextLook && this.#looksSpent();
  }

  #looksSpent(): boolean {
    if (this.#nowMs !== undefined && this.#nowMs() >= this.#endMs) this.#end = this.totalUnits;
    this.#lookLater();
    return this.totalUnits >= this.#end;
  }

  #lookLater(): void {
    this.#nextLook =
      this.#nowMs === undefined ? this.#end : Math.min(this.#end, this.totalUnits + LOOK_UNITS);
  }
}

/** Work that stops whenever {@link Work} is spent, and goes on with the next call; at its end comes the result. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** Goes on until the work is spent. Undefined while there is more to do. */
export function goOn<Result>(steps: Steps<Result>): { readonly result: Result } | undefined {
  const step = steps.next();
  return step.done === true ? { result: step.value } : undefined;
}
