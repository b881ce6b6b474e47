/**
 * The commands that go through all keys, and take long: they work in slices between turns, each on the keys as they were
 * when its turn had come.
 *
 * A few of them work at a time, since the store remembers, for each, the keys of records that change before their turn. The
 * others wait, and are then taken again like a read that has just come.
 */

import type { RedisWalkRequest } from '../../protocol/request.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import { MAX_WAITING_WALKS, MAX_WALK_WORK, MAX_WALKS, WALK_WORK_PER_TURN } from '../../redis-limits.js';
import type { KeyWalk } from '../../state-machine/key-image.js';
import { executeWalk } from '../../state-machine/redis/execute.js';
import { goOn, type Steps, Work } from '../../state-machine/work.js';
import type { AppliedState } from '../applied-state.js';
import type { ServerMetrics } from '../server-metrics.js';
import type { PendingCommand } from './client-connection.js';

const TOO_MANY = new ErrorReply(
  `TRYAGAIN ${MAX_WALKS} commands that go through all keys are at work, and ${MAX_WAITING_WALKS} wait`,
);
const TOO_LONG = new ErrorReply('ERR going through all keys in this way takes too long');

interface RunningWalk {
  readonly keys: KeyWalk;
  readonly steps: Steps<RespValue>;
  readonly work: Work;
}

export interface WalksOptions {
  readonly state: AppliedState;
  readonly metrics: ServerMetrics;
  readonly answer: (command: PendingCommand, value: RespValue) => void;
  /** The command has waited, and may be taken again. */
  readonly retake: (command: PendingCommand) => void;
}

export class Walks {
  readonly #state: AppliedState;
  readonly #metrics: ServerMetrics;
  readonly #answer: WalksOptions['answer'];
  readonly #retake: WalksOptions['retake'];
  /** The walks that run, or will once the state is known to be current: at most MAX_WALKS. */
  readonly #admitted = new Map<PendingCommand, RunningWalk | undefined>();
  #waiting: PendingCommand[] = [];

  constructor({ state, metrics, answer, retake }: WalksOptions) {
    this.#state = state;
    this.#metrics = metrics;
    this.#answer = answer;
    this.#retake = retake;
  }

  /** How many work, or wait for that. */
  get count(): number {
    let count = this.#waiting.length;
    for (const running of this.#admitted.values()) if (running !== undefined) count += 1;
    return count;
  }

  /** Whether {@link work} has something to do at once. */
  get isDue(): boolean {
    if (this.#waiting.length > 0 && this.#admitted.size < MAX_WALKS) return true;
    for (const running of this.#admitted.values()) if (running !== undefined) return true;
    return false;
  }

  /** Whether the command may go on the way of a read; it waits otherwise, or is refused. */
  admit(command: PendingCommand): boolean {
    if (this.#admitted.has(command)) return true;
    if (this.#admitted.size < MAX_WALKS) {
      this.#admitted.set(command, undefined);
      return true;
    }
    if (this.#waiting.length < MAX_WAITING_WALKS) this.#waiting.push(command);
    else this.#answer(command, TOO_MANY);
    return false;
  }

  /** An admitted command may be answered from the state as it is now, and so begins. */
  begin(command: PendingCommand, request: RedisWalkRequest, asOfMs: number): void {
    const work = new Work();
    const keys = this.#state.readable(asOfMs).walk();
    this.#admitted.set(command, { keys, steps: executeWalk(keys, request, work), work });
  }

  /** A slice of each that works, all of them together {@link WALK_WORK_PER_TURN}. */
  work(): void {
    this.#forgetDone();
    const sliceUnits = WALK_WORK_PER_TURN / Math.max(1, this.#admitted.size);
    for (const [command, running] of this.#admitted)
      if (running !== undefined) this.#slice(command, running, sliceUnits);
    while (this.#waiting.length > 0 && this.#admitted.size < MAX_WALKS) {
      const command = this.#waiting.shift();
      if (command === undefined || isDone(command)) continue;
      this.#admitted.set(command, undefined);
      this.#retake(command);
    }
  }

  /** Gives up all walks; returns the commands that are to be answered. */
  takeAll(): readonly PendingCommand[] {
    const commands = [...this.#admitted.keys(), ...this.#waiting];
    for (const running of this.#admitted.values()) running?.keys.close();
    this.#admitted.clear();
    this.#waiting = [];
    return commands.filter((command) => !command.isAnswered);
  }

  #slice(command: PendingCommand, { keys, steps, work }: RunningWalk, units: number): void {
    const before = work.units;
    work.allow(units);
    const done = goOn(steps);
    this.#metrics.walkedUnits += work.units - before;
    if (done === undefined && work.units < MAX_WALK_WORK) return;
    keys.close();
    this.#admitted.delete(command);
    this.#answer(command, done === undefined ? TOO_LONG : done.result);
  }

  /** Forgets walks whose client is gone, and walks that were answered without an outcome. */
  #forgetDone(): void {
    for (const [command, running] of this.#admitted) {
      if (!isDone(command)) continue;
      running?.keys.close();
      this.#admitted.delete(command);
    }
    if (this.#waiting.some(isDone)) this.#waiting = this.#waiting.filter((command) => !isDone(command));
  }
}

function isDone({ isAnswered, client }: PendingCommand): boolean {
  return isAnswered || client.isGone;
}
