/**
 * The library's own client in the simulated cluster, as its users call it: several calls at a time, in a session, each with its
 * time limit. What ended in `ERR_TIMEOUT` must never take effect. It also counts a key up by `update`, and knows how far.
 */

import { textOf } from '../../../src/bytes/byte-reader.js';
import { Client } from '../../../src/client/base-client.js';
import { KvError } from '../../../src/client/client-errors.js';
import { InProcessLookups } from '../../../src/cluster/in-process-lookups.js';
import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import type { Action, Outcome } from '../../../tools/linearizability/history.js';
import { PASSWORD } from './admission.js';
import type { ClientOptions } from './client.js';
import { inHistory, newValue } from './command.js';
import { kvWorld } from './kv-world.js';

/** What all such clients count up. */
export const TALLY_KEY = 'tally';

const HOST = 'simulated';
const MAX_CALLERS = 3;
const MAX_PAUSE_MS = 20;
const BREAK_RATE = 0.05;
/** How often it reads as a client in the process of the cluster does. */
const LOOKUP_RATE = 0.5;
const TIMEOUTS_MS = [100, 400, 1_500];
/** Longer than a run has to get on. */
const PATIENT_TIMEOUT_MS = 60_000;
/** How much later than its time limit a call may end. */
const MAX_DELAY_MS = 100;

type Op = Extract<Action, { readonly op: 'get' | 'set' | 'cas' | 'delete' }>;

type Ending<T> =
  | { readonly type: 'result'; readonly result: T }
  | { readonly type: 'error'; readonly code: string };

/** How often each client has counted, by its number. */
type Tally = Record<string, number>;

export class KvSimulatedClient {
  readonly #options: ClientOptions;
  readonly #kv: Client;
  readonly #lookups: InProcessLookups;
  readonly #callers: number;
  readonly #versions = new Map<string, number>();
  #isPatient = false;
  #restsUntilMs = 0;
  #count = 0;
  /** How often it has counted for certain, and how many calls since then may have. */
  #counted = 0;
  #uncertain = 0;
  #isCounting = false;
  acknowledged = 0;
  /** Calls that are not over. */
  unanswered = 0;
  isActive = true;
  readonly readsAtReplicas = false;

  constructor(options: ClientOptions) {
    const { world, network, random, hasPassword, routerPort, serverPorts } = options;
    this.#options = options;
    this.#callers = 1 + random.below(MAX_CALLERS);
    const ports = random.chance(0.5) ? [routerPort] : [routerPort, ...serverPorts()];
    const ownWorld = kvWorld({
      world,
      network,
      random: random.split('world'),
      breakRate: () => (this.#isPatient ? 0 : BREAK_RATE),
    });
    const servers = ports.map((port) => ({ host: HOST, port }));
    this.#kv = new Client({ servers, password: hasPassword ? PASSWORD : undefined }, ownWorld);
    this.#lookups = new InProcessLookups(options.lookUp, ownWorld.environment);
  }

  get id(): number {
    return this.#options.id;
  }

  start(): void {
    for (let caller = 0; caller < this.#callers; caller += 1)
      this.#callOn().catch((error: unknown) => this.#options.onViolation(error));
  }

  rest(durationMs: number): void {
    this.#restsUntilMs = this.#options.world.nowMs + durationMs;
  }

  becomePatient(): void {
    this.#isPatient = true;
  }

  /** Throws PropertyViolation if the value of {@link TALLY_KEY} has more or fewer than what this client counted. */
  checkTally(value: string | undefined): void {
    const found = tallyIn(value)[this.id] ?? 0;
    if (found >= this.#counted && found <= this.#counted + this.#uncertain) return;
    const what = `counted ${this.#counted} times and perhaps ${this.#uncertain} more, and ${found} are there`;
    throw new PropertyViolation('sessions', `client ${this.id} ${what}`);
  }

  async #callOn(): Promise<void> {
    const { world, random } = this.#options;
    while (true) {
      const pauseMs = random.between(0, MAX_PAUSE_MS);
      await new Promise<void>((resolve) => {
        world.timeline.at(Math.max(world.nowMs, this.#restsUntilMs) + pauseMs, resolve);
      });
      if (!this.isActive) return;
      this.unanswered += 1;
      if (!this.#isCounting && random.chance(0.15)) await this.#increment();
      else await this.#ask();
      this.unanswered -= 1;
    }
  }

  async #ask(): Promise<void> {
    const { random, keys, history, world } = this.#options;
    const key = random.of(keys);
    const { action, value } = this.#draw(key);
    const attempt = history.begin(this.id, history.newStream(), { operation: { key, action } }, world.nowMs);
    const ending = await this.#endingOf(action.op, (timeoutMs) => this.#call(key, action, value, timeoutMs));
    if (attempt === undefined) return;
    const outcome = ending.type === 'result' ? ending.result : OUTCOMES[ending.code];
    if (outcome === undefined) history.withdraw(attempt);
    else history.settle(attempt, outcome, world.nowMs);
  }

  #draw(key: string): { readonly action: Op; readonly value: string } {
    const { random } = this.#options;
    this.#count += 1;
    const value = newValue(key, `${this.id}.${this.#count}`, 0);
    const written = inHistory(value);
    switch (random.below(6)) {
      case 0:
        return { action: { op: 'delete' }, value };
      case 1:
        return { action: { op: 'cas', value: written, expected: this.#versions.get(key) ?? 1 }, value };
      case 2:
      case 3:
        return { action: { op: 'get' }, value };
      default:
        return { action: { op: 'set', value: written }, value };
    }
  }

  async #call(key: string, action: Op, value: string, timeoutMs: number): Promise<Outcome> {
    const options = { timeoutMs };
    switch (action.op) {
      case 'get':
        if (this.#options.random.chance(LOOKUP_RATE)) return this.#lookUp(key, timeoutMs);
        return this.#get(key, timeoutMs);
      case 'set':
        return this.#stored(key, await this.#kv.set(key, value, options));
      case 'cas':
        return this.#stored(key, await this.#kv.cas(key, value, action.expected, options));
      case 'delete':
        return { type: (await this.#kv.delete(key, options)) ? 'deleted' : 'not-found' };
    }
  }

  async #get(key: string, timeoutMs: number): Promise<Outcome> {
    const found = await this.#kv.getWithVersion(key, { timeoutMs });
    if (found === undefined) return { type: 'not-found' };
    return { type: 'found', value: inHistory(found.value), version: found.version };
  }

  /** As a client in the process of the cluster reads. */
  #lookUp(key: string, timeoutMs: number): Promise<Outcome> {
    const { world } = this.#options;
    const sinceMs = world.nowMs;
    return new Promise((resolve) => {
      this.#lookups.begin({
        key,
        answer: (value) =>
          resolve(value ? { type: 'found', value: inHistory(textOf(value)) } : { type: 'not-found' }),
        giveUp: () => resolve(this.#get(key, Math.max(1, timeoutMs - (world.nowMs - sinceMs)))),
      });
    });
  }

  #stored(key: string, version: number): Outcome {
    this.#versions.set(key, version);
    return { type: 'stored', version };
  }

  async #increment(): Promise<void> {
    let next = 0;
    this.#isCounting = true;
    const count = (old: string | undefined) => {
      this.checkTally(old);
      const tally = tallyIn(old);
      next = (tally[this.id] ?? 0) + 1;
      return JSON.stringify({ ...tally, [this.id]: next });
    };
    const ending = await this.#endingOf('update', (timeoutMs) =>
      this.#kv.update(TALLY_KEY, count, { timeoutMs }),
    );
    this.#isCounting = false;
    if (ending.type === 'result') {
      this.#counted = next;
      this.#uncertain = 0;
    } else if (ending.code === 'ERR_UNKNOWN_OUTCOME') this.#uncertain += 1;
  }

  /** How the call ended, in time. Throws PropertyViolation for an error that no call should end in. */
  async #endingOf<T>(what: string, call: (timeoutMs: number) => Promise<T>): Promise<Ending<T>> {
    const { world, random, trace } = this.#options;
    const timeoutMs = this.#isPatient ? PATIENT_TIMEOUT_MS : random.of(TIMEOUTS_MS);
    const begunAtMs = world.nowMs;
    const ending = await call(timeoutMs).then(
      (result) => ({ type: 'result', result }) as const,
      (error: unknown) => {
        if (!(error instanceof KvError)) throw error;
        return { type: 'error', code: error.code } as const;
      },
    );
    trace(() => `client ${this.id}: ${what} ended in ${JSON.stringify(ending)}`);
    const tookMs = world.nowMs - begunAtMs;
    if (tookMs > timeoutMs + MAX_DELAY_MS)
      throw this.#violation(`${what} took ${tookMs} ms, and ${timeoutMs} ms were asked for`);
    if (ending.type === 'error' && !(ending.code in OUTCOMES))
      throw this.#violation(`${what} ended in ${ending.code}`);
    if (ending.type === 'result' || ending.code === 'ERR_VERSION' || ending.code === 'ERR_NOT_FOUND')
      this.acknowledged += 1;
    return ending;
  }

  #violation(what: string): PropertyViolation {
    return new PropertyViolation('client', `client ${this.id}: ${what}`);
  }
}

/** By the code of the error that a call ended in; undefined where it never takes effect. */
const OUTCOMES: Readonly<Record<string, Outcome | undefined>> = {
  ERR_VERSION: { type: 'version-mismatch' },
  ERR_NOT_FOUND: { type: 'not-found' },
  ERR_UNKNOWN_OUTCOME: { type: 'unknown' },
  ERR_TIMEOUT: undefined,
};

function tallyIn(value: string | undefined): Tally {
  return value === undefined ? {} : JSON.parse(value);
}
