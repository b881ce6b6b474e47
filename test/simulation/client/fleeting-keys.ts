/**
 * Keys with a TTL, each set once: one is there until its time is over, and then gone, whatever the wall clock is set to.
 *
 * Log time may go 1 % faster or slower (src/log-time.ts). A process that ends takes away what is known of its keys: time down
 * counts as the wall clock shows it.
 */

import type { Random } from '../../../tools/support/random.js';
import { type Command, FINE, WRONG } from './command.js';
import type { Reply } from './replies.js';
import { respCommand } from './resp-commands.js';

/** TTLs differ from what they say by up to this. */
const TOLERANCE = 0.012;
const ROUNDING_MS = 2;
const MAX_KEPT = 8;

interface FleetingKey {
  readonly key: string;
  readonly ttlMs: number;
  /** Between these times it was set. */
  readonly sentAtMs: number;
  readonly setAtMs: number;
  readonly process: number;
}

export interface FleetingOptions {
  readonly client: number;
  readonly random: Random;
  readonly nowMs: () => number;
  /** The number of the process that runs, or ran last. */
  readonly process: () => number;
}

export class FleetingKeys {
  readonly #options: FleetingOptions;
  #count = 0;
  #keys: FleetingKey[] = [];

  constructor(options: FleetingOptions) {
    this.#options = options;
  }

  /** Sets another one, or looks at one that was set. */
  next(): Command {
    const { random } = this.#options;
    this.#keys = this.#keys.filter(({ process }) => process === this.#options.process()).slice(-MAX_KEPT);
    return this.#keys.length === 0 || random.chance(0.3) ? this.#set() : this.#look(random.of(this.#keys));
  }

  #set(): Command {
    const { client, random, nowMs, process } = this.#options;
    this.#count += 1;
    const key = `fleeting:${client}.${this.#count}`;
    const ttlMs = Math.round(random.of([20, 100, 500, 3_000]) * random.between(0.5, 1));
    const begun = { key, ttlMs, sentAtMs: nowMs(), process: process() };
    return respCommand(['SET', key, 'x', 'PX', `${ttlMs}`], undefined, (reply) => {
      if (reply.type !== 'status') return WRONG;
      if (process() === begun.process) this.#keys.push({ ...begun, setAtMs: nowMs() });
      return FINE;
    });
  }

  #look({ key, ttlMs, sentAtMs, setAtMs, process }: FleetingKey): Command {
    const askedAtMs = this.#options.nowMs();
    return respCommand(['GET', key], undefined, (reply: Reply) => {
      if (reply.type !== 'null' && reply.type !== 'value') return WRONG;
      if (process !== this.#options.process()) return FINE;
      const leastMs = ttlMs * (1 - TOLERANCE) - ROUNDING_MS;
      const mostMs = ttlMs * (1 + TOLERANCE) + ROUNDING_MS;
      const isRight =
        reply.type === 'null' ? this.#options.nowMs() >= sentAtMs + leastMs : askedAtMs <= setAtMs + mostMs;
      return isRight ? FINE : WRONG;
    });
  }
}
