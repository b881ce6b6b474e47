/**
 * The commands that took long to execute at this server. Writes are not among them: they are applied in slices, at every
 * server.
 */

import type { Args } from '../protocol/command.js';
import { MAX_SLOW_LOG_ARG_CHARS, MAX_SLOW_LOG_ARGS, MAX_SLOW_LOG_ENTRIES } from '../redis-limits.js';

/** As in Redis. */
const DEFAULT_THRESHOLD_US = 10_000;
const DEFAULT_LENGTH = 128;

export interface SlowCommand {
  readonly args: Args;
  readonly tookUs: number;
  /** In ms since the epoch. */
  readonly atMs: number;
  readonly from: string;
  readonly clientName: string;
}

interface Entry extends SlowCommand {
  readonly id: number;
}

export class SlowLog {
  /** -1 for nothing, 0 for all. */
  thresholdUs = DEFAULT_THRESHOLD_US;
  #maxLength = DEFAULT_LENGTH;
  #nextId = 0;
  /** The newest first. */
  #entries: Entry[] = [];

  get maxLength(): number {
    return this.#maxLength;
  }

  set maxLength(length: number) {
    this.#maxLength = Math.min(length, MAX_SLOW_LOG_ENTRIES);
    this.#entries.splice(this.#maxLength);
  }

  get length(): number {
    return this.#entries.length;
  }

  isSlow(tookUs: number): boolean {
    return this.thresholdUs >= 0 && tookUs >= this.thresholdUs;
  }

  add(command: SlowCommand): void {
    this.#entries.unshift({ ...command, args: shortened(command.args), id: this.#nextId });
    this.#nextId += 1;
    this.#entries.splice(this.#maxLength);
  }

  clear(): void {
    this.#entries = [];
  }

  /** The newest ones. */
  take(count: number): readonly Entry[] {
    return this.#entries.slice(0, count);
  }
}

function shortened(args: Args): string[] {
  const isMany = args.length > MAX_SLOW_LOG_ARGS;
  const shown = args.slice(0, isMany ? MAX_SLOW_LOG_ARGS - 1 : MAX_SLOW_LOG_ARGS).map((arg) => {
    const more = arg.length - MAX_SLOW_LOG_ARG_CHARS;
    return more > 0 ? `${arg.slice(0, MAX_SLOW_LOG_ARG_CHARS)}... (${more} more bytes)` : arg;
  });
  return isMany ? [...shown, `... (${args.length - shown.length} more arguments)`] : shown;
}
