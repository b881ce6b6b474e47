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
import type { ClientTemper } from './temper.js';
import { textCommand } from './text-commands.js';

/** TTLs differ from what they say by up to this. */
const TOLERANCE = 0.012;
const ROUNDING_MS = 2;
const MAX_KEPT = 12;
/** The text protocol counts in seconds. */
const SHORTEST_TEXT_TTL_S = 1;

export interface FleetingKey {
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
  readonly temper: Pick<ClientTemper, 'protocol'>;
  /** Those that all clients look at. */
  readonly fleetingKeys: FleetingKey[];
  readonly nowMs: () => number;
  /** The number of the process that runs, or ran last. */
  readonly process: () => number;
}

export class FleetingKeys {
  readonly #options: FleetingOptions;
  #count = 0;

  constructor(options: FleetingOptions) {
    this.#options = options;
  }

  /** Sets another one, or looks at one that somebody has set. */
  next(): Command {
    const { random, fleetingKeys, process } = this.#options;
    while (fleetingKeys.length > MAX_KEPT) fleetingKeys.shift();
    const known = fleetingKeys.filter((one) => one.process === process());
    if (known.length === 0 || random.chance(0.3)) return this.#set();
    return this.#look(random.chance(0.5) ? random.of(known) : this.#nextToEnd(known));
  }

  /** It is at the end of its time that something can go wrong. */
  #nextToEnd(keys: readonly FleetingKey[]): FleetingKey {
    const nowMs = this.#options.nowMs();
    const distanceMs = ({ setAtMs, ttlMs }: FleetingKey) => Math.abs(setAtMs + ttlMs - nowMs);
    return keys.reduce((best, one) => (distanceMs(one) < distanceMs(best) ? one : best));
  }

  #set(): Command {
    const { client, random, nowMs, process, temper, fleetingKeys } = this.#options;
    this.#count += 1;
    const key = `fleeting:${client}.${this.#count}`;
    const isText = temper.protocol === 'text';
    const ttlMs = isText
      ? SHORTEST_TEXT_TTL_S * 1000
      : Math.round(random.of([20, 100, 500, 3_000]) * random.between(0.5, 1));
    const begun = { key, ttlMs, sentAtMs: nowMs(), process: process() };
    const judge = (reply: Reply) => {
      if (reply.type !== 'status') return WRONG;
      if (process() === begun.process) fleetingKeys.push({ ...begun, setAtMs: nowMs() });
      return FINE;
    };
    return isText
      ? textCommand(`set ${key} ${SHORTEST_TEXT_TTL_S} 1\r\nx`, judge)
      : respCommand(['SET', key, 'x', 'PX', `${ttlMs}`], undefined, judge);
  }

  #look({ key, ttlMs, sentAtMs, setAtMs, process }: FleetingKey): Command {
    const askedAtMs = this.#options.nowMs();
    const judge = (reply: Reply) => {
      const isGone = reply.type === 'null' || (reply.type === 'error' && reply.text === 'ERR_NOT_FOUND');
      if (!isGone && reply.type !== 'value') return WRONG;
      if (process !== this.#options.process()) return FINE;
      const leastMs = ttlMs * (1 - TOLERANCE) - ROUNDING_MS;
      const mostMs = ttlMs * (1 + TOLERANCE) + ROUNDING_MS;
      const isRight = isGone ? this.#options.nowMs() >= sentAtMs + leastMs : askedAtMs <= setAtMs + mostMs;
      return isRight ? FINE : WRONG;
    };
    return this.#options.temper.protocol === 'text'
      ? textCommand(`get ${key}`, judge)
      : respCommand(['GET', key], undefined, judge);
  }
}
