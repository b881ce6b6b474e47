/**
 * CLIENT PAUSE: commands that are taken and wait until the pause is over. A connection takes nothing more then, so mostly one
 * command of each waits; a new leader executes all that a client had asked of it before, when it was a follower.
 */

import { isWrite, type Request } from '../../protocol/request.js';
import type { ClientConnection, PendingCommand } from './client-connection.js';

export class Pause {
  readonly #held = new Map<ClientConnection, PendingCommand[]>();
  #untilMs = 0;
  #holdsAll = false;

  /** Whether there is a pause, or one has ended that {@link takeOver} has not returned yet. */
  get isOn(): boolean {
    return this.#untilMs > 0;
  }

  /** When it is over; infinity without one. */
  get deadlineMs(): number {
    return this.isOn ? this.#untilMs : Number.POSITIVE_INFINITY;
  }

  /** A pause that goes on can be made longer and stricter, but not shorter or milder. */
  begin(untilMs: number, { holdsAll }: { readonly holdsAll: boolean }): void {
    this.#holdsAll ||= holdsAll;
    this.#untilMs = Math.max(this.#untilMs, untilMs);
  }

  end(): void {
    this.#untilMs = Math.min(this.#untilMs, 1);
    this.#holdsAll = false;
  }

  /** Whether reads are held, too: then no shortcut may answer them. */
  get holdsReads(): boolean {
    return this.isOn && this.#holdsAll;
  }

  /** Has the command wait, if it has to, or one before it does. Its connection takes no more until then. */
  hold(command: PendingCommand): boolean {
    const { request, client } = command;
    const held = this.#held.get(client);
    if (held !== undefined) {
      held.push(command);
      return true;
    }
    const mustWait = this.#holdsAll ? !endsPause(request) : isWrite(request);
    if (!mustWait) return false;
    this.#held.set(client, [command]);
    client.isPaused = true;
    return true;
  }

  /** The connection is gone, or goes on elsewhere. Returns what waited of it. */
  forget(client: ClientConnection): readonly PendingCommand[] {
    const held = this.#held.get(client) ?? [];
    this.#held.delete(client);
    client.isPaused = false;
    return held;
  }

  /** Returns what has waited once the pause is over, in the order in which it came. */
  takeOver(nowMs: number): readonly PendingCommand[] {
    if (!this.isOn || nowMs < this.#untilMs) return [];
    this.#untilMs = 0;
    this.#holdsAll = false;
    return this.takeAll();
  }

  /** Returns what waits, which does not any more. */
  takeAll(): readonly PendingCommand[] {
    const commands = [...this.#held.values()].flat();
    this.#held.clear();
    for (const { client } of commands) client.isPaused = false;
    return commands;
  }
}

function endsPause(request: Request): boolean {
  return (
    request.type === 'redis-local' &&
    request.name === 'client' &&
    request.args[0]?.toUpperCase() === 'UNPAUSE'
  );
}
