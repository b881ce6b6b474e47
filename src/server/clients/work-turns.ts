/**
 * The work that all clients have in flight: what one of them asks for may hold others up for a moment, but what a hundred ask
 * for must not add up. A command that is more than there is room for waits for its turn.
 *
 * Those that are little go before those that are much, but for one of the latter every second time.
 */

import { LITTLE_WORK, MAX_PENDING_WORK } from '../../limits.js';
import type { ClientConnection, PendingCommand } from './client-connection.js';

export class WorkTurns {
  readonly #retake: (command: PendingCommand) => void;
  /** Units of work of what was admitted and is not answered. */
  readonly #admitted = new Map<PendingCommand, number>();
  #admittedUnits = 0;
  #little: PendingCommand[] = [];
  #much: PendingCommand[] = [];
  #isMuchFirst = false;

  /** @param retake called with a command whose turn has come */
  constructor(retake: (command: PendingCommand) => void) {
    this.#retake = retake;
  }

  /** Commands that wait. */
  get count(): number {
    return this.#little.length + this.#much.length;
  }

  /** Whether {@link work} has something to do at once. */
  get isDue(): boolean {
    return this.count > 0 && this.#hasRoomFor(this.#next);
  }

  /** Whether the command, which is that much work, may be executed. Else it waits, and its client's stream with it. */
  admit(command: PendingCommand, units: number): boolean {
    if (units === 0 || this.#admitted.has(command)) return true;
    command.pendingUnits = units;
    command.client.pendingUnits += units;
    const queue = units <= LITTLE_WORK ? this.#little : this.#much;
    // Nobody overtakes those that wait, or little ones that follow one another would leave no room for much.
    if (this.count === 0 && this.#hasRoomFor(command)) {
      this.#take(command);
      return true;
    }
    queue.push(command);
    command.client.waitsForTurn = true;
    return false;
  }

  /** The command is answered, or will not be executed. */
  ended(command: PendingCommand): void {
    command.client.pendingUnits -= command.pendingUnits;
    const units = this.#admitted.get(command);
    if (units === undefined) return;
    this.#admitted.delete(command);
    this.#admittedUnits -= units;
  }

  /** Has those executed whose turn has come, as long as `mayTake` says so. They count as taken now. */
  work(nowMs: number, mayTake: () => boolean): void {
    for (
      let next = this.#next;
      next !== undefined && this.#hasRoomFor(next) && mayTake();
      next = this.#next
    ) {
      (next === this.#little[0] ? this.#little : this.#much).shift();
      this.#isMuchFirst = !this.#isMuchFirst;
      next.client.waitsForTurn = false;
      const command = { ...next, takenAtMs: nowMs };
      this.#take(command);
      this.#retake(command);
    }
  }

  /** The connection is gone, or goes on elsewhere: what waits of it was not admitted, and holds nothing. */
  forget(client: ClientConnection): void {
    if (!client.waitsForTurn) return;
    client.waitsForTurn = false;
    this.#little = this.#little.filter((command) => command.client !== client);
    this.#much = this.#much.filter((command) => command.client !== client);
  }

  /** Gives up all that wait, and returns them. Nothing is in flight any more. */
  takeAll(): readonly PendingCommand[] {
    const commands = [...this.#little, ...this.#much];
    for (const { client } of commands) client.waitsForTurn = false;
    this.#little = [];
    this.#much = [];
    this.#admitted.clear();
    this.#admittedUnits = 0;
    return commands;
  }

  get #next(): PendingCommand | undefined {
    const [little] = this.#little;
    const [much] = this.#much;
    return this.#isMuchFirst ? (much ?? little) : (little ?? much);
  }

  #hasRoomFor(command: PendingCommand | undefined): boolean {
    if (command === undefined) return false;
    return this.#admittedUnits === 0 || this.#admittedUnits + command.pendingUnits <= MAX_PENDING_WORK;
  }

  #take(command: PendingCommand): void {
    this.#admitted.set(command, command.pendingUnits);
    this.#admittedUnits += command.pendingUnits;
  }
}
