/**
 * A client in the simulation: asks one server after the other, one operation at a time, and records what it was told.
 */

import type { ServerId } from '../../src/raft/types.js';
import type { Action, Operation, Outcome } from '../../tools/linearizability/history.js';
import type { Random } from '../../tools/support/random.js';
import type { ClientAnswer, ClientRequest, SimulatedServer } from './simulated-server.js';
import type { ClientTemper } from './temperament.js';
import type { Timeline } from './timeline.js';

const MAX_CLIENTS = 100;
const RETRY_MS = 20;

interface World {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly temper: ClientTemper;
}

export class SimulatedClient {
  readonly #id: number;
  readonly #servers: readonly SimulatedServer[];
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #temper: ClientTemper;
  readonly #keys: readonly string[];
  readonly #history: Map<number, Operation>;
  #target: ServerId = 0;
  #count = 0;
  /** The version that it last saw of a key, as the basis of a cas. */
  readonly #versions = new Map<string, number>();
  isActive = true;
  /** Whether it waits for every answer, so that it puts no more on a server that is behind. */
  isPatient = false;
  /** Operations that were acknowledged. */
  acknowledged = 0;

  constructor(
    id: number,
    servers: readonly SimulatedServer[],
    { timeline, random, temper }: World,
    { keys, history }: { readonly keys: readonly string[]; readonly history: Map<number, Operation> },
  ) {
    this.#id = id;
    this.#servers = servers;
    this.#timeline = timeline;
    this.#random = random;
    this.#temper = temper;
    this.#keys = keys;
    this.#history = history;
  }

  /** Begins its next operation after a pause. */
  start(): void {
    this.#timeline.after(this.#random.between(0, this.#temper.maxPauseMs), () => {
      if (this.isActive) this.#begin(this.#random.of(this.#keys), this.#newAction());
    });
  }

  /** Unlike that of any other operation of any client. */
  get #stampMs(): number {
    return this.#count * MAX_CLIENTS + this.#id;
  }

  get #readRate(): number {
    const { readRates } = this.#temper;
    return readRates[this.#id % readRates.length] ?? 0;
  }

  #newAction(): Action {
    if (this.#random.chance(this.#readRate)) return { op: 'get' };
    const dice = this.#random.next();
    const value = `${this.#id}.${this.#count}`;
    if (dice < 0.6) return { op: 'set', value };
    if (dice < 0.85) return { op: 'cas', value, expected: 0 };
    return { op: 'delete' };
  }

  #begin(key: string, action: Action): void {
    this.#count += 1;
    if (this.#random.chance(this.#temper.wanderRate)) this.#target = this.#anyServer();
    const expected = this.#versions.get(key) ?? 1;
    this.#ask(key, action.op === 'cas' ? { ...action, expected } : action, this.#timeline.nowMs);
  }

  /** Asks the server that is thought to lead. A server that did not propose sends it elsewhere, at no risk. */
  #ask(key: string, action: Action, call: number): void {
    const server = this.#servers[this.#target];
    let isOver = false;
    const finish = (answer: ClientAnswer) => {
      if (isOver) return;
      isOver = true;
      if (answer.type === 'elsewhere') this.#askElsewhere(key, action, call, answer.leader);
      else
        this.#record({
          client: this.#id,
          key,
          action,
          outcome: outcomeOf(answer),
          call,
          return: this.#timeline.nowMs,
          position: undefined,
        });
    };
    this.#timeline.after(this.#patienceMs(action), () => finish({ type: 'unknown' }));
    const request = requestOf(key, action, this.#stampMs);
    this.#timeline.after(this.#delayMs(), () => {
      if (server === undefined || !server.isUp) finish({ type: 'elsewhere', leader: undefined });
      else server.ask(request, (answer) => this.#timeline.after(this.#delayMs(), () => finish(answer)));
    });
  }

  #askElsewhere(key: string, action: Action, call: number, leader: ServerId | undefined): void {
    this.#target = leader ?? this.#anyServer();
    this.#timeline.after(this.#random.between(0, RETRY_MS), () => {
      if (this.isActive) this.#ask(key, action, call);
    });
  }

  #record(operation: Operation): void {
    const { outcome, key } = operation;
    this.#history.set(this.#stampMs, operation);
    if (outcome.type === 'stored' && outcome.version !== undefined) this.#versions.set(key, outcome.version);
    if (outcome.type === 'unknown') this.#target = this.#anyServer();
    else this.acknowledged += 1;
    this.start();
  }

  #patienceMs({ op }: Action): number {
    if (this.isPatient) return Number.POSITIVE_INFINITY;
    return op === 'get' ? this.#temper.readPatienceMs : this.#temper.writePatienceMs;
  }

  #anyServer(): ServerId {
    return this.#random.below(this.#servers.length);
  }

  #delayMs(): number {
    return this.#random.between(0.05, 2);
  }
}

function requestOf(key: string, action: Action, stampMs: number): ClientRequest {
  switch (action.op) {
    case 'get':
      return { type: 'read', key };
    case 'set':
      return {
        type: 'write',
        command: { type: 'set', key, value: Buffer.from(action.value), exptimeS: 0 },
        stampMs,
      };
    case 'cas': {
      const { expected: version } = action;
      return {
        type: 'write',
        command: { type: 'cas', key, value: Buffer.from(action.value), exptimeS: 0, version },
        stampMs,
      };
    }
    case 'delete':
      return { type: 'write', command: { type: 'delete', key }, stampMs };
    default:
      throw new TypeError(`no client asks for ${action.op}`);
  }
}

function outcomeOf(answer: Exclude<ClientAnswer, { type: 'elsewhere' }>): Outcome {
  switch (answer.type) {
    case 'written':
      return answer.result;
    case 'read':
      return answer.record === undefined
        ? { type: 'not-found' }
        : { type: 'found', value: answer.record.value };
    case 'unknown':
      return { type: 'unknown' };
  }
}
