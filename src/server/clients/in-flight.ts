/** All that was taken from clients and is not answered, and whether there is room for more. */

import { MAX_HEARING_MS_PER_TURN, MAX_PENDING_COMMANDS, MAX_READ_MS_PER_TURN } from '../../limits.js';
import type { CommandPath } from './command-path.js';
import type { ReplyFrames } from './reply-frames.js';

export class InFlight {
  readonly #path: () => CommandPath;
  readonly #replies: ReplyFrames;
  #isClosed = false;
  #readMsLeft = MAX_READ_MS_PER_TURN;
  /** When the first bytes of clients came since the time was renewed. */
  #hearsSinceMs: number | undefined;

  /** @param path where the commands go that are taken */
  constructor(path: () => CommandPath, replies: ReplyFrames) {
    this.#path = path;
    this.#replies = replies;
  }

  /** Commands that were taken and are not answered. */
  get commandCount(): number {
    return this.#path().commandCount;
  }

  /**
   * Whether another command may be taken: not while too much is in flight, the gateway does not take the replies, or reads
   * have taken their time.
   */
  get hasRoom(): boolean {
    if (this.#isClosed || this.#readMsLeft <= 0 || this.#replies.isFull) return false;
    const path = this.#path();
    return path.commandCount < MAX_PENDING_COMMANDS && path.hasRoom;
  }

  /** Reads, or what was asked of the server, took that long. */
  spendReadTime(ms: number): void {
    this.#readMsLeft -= ms;
  }

  /** Whether clients whose bytes come in now are to queue: those before them have taken the turn's time. */
  isLate(nowMs: number): boolean {
    this.#hearsSinceMs ??= nowMs;
    return nowMs - this.#hearsSinceMs >= MAX_HEARING_MS_PER_TURN;
  }

  /** There is time again for reads, and for what comes in. */
  renewTime(): void {
    this.#readMsLeft = MAX_READ_MS_PER_TURN;
    this.#hearsSinceMs = undefined;
  }

  /** From now on there is no room: nothing more is taken. */
  close(): void {
    this.#isClosed = true;
  }
}
