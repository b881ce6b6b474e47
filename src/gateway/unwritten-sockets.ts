/**
 * The sockets with replies not yet written. They are written right after the event that brought the replies, so that a
 * connection with many replies in a batch costs one system call. A batch may have replies for a thousand connections, as when
 * each of them watches the same keys: what a turn has no time for is written in the next ones, a slice in each.
 */

import type { Environment } from '../environment.js';
import { MAX_SLICES_MS_PER_TURN } from '../limits.js';

/** Between two looks at the clock. */
const SOCKETS_AT_ONCE = 8;

/** The share of a turn's time that what has just come has while others wait. */
const SHARE_BESIDE_LATE = 0.25;

export interface UnwrittenSocket {
  /** Hands what is queued to the operating system. */
  flush(): void;
}

export class UnwrittenSockets {
  readonly #environment: Environment;
  #sockets: UnwrittenSocket[] = [];
  /** Those that a turn had no time for. */
  #late: UnwrittenSocket[] = [];
  readonly #flush = () => {
    const sockets = this.#sockets;
    this.#sockets = [];
    if (sockets.length <= SOCKETS_AT_ONCE) for (const socket of sockets) socket.flush();
    else this.#flushMany(sockets);
  };
  readonly #flushLate = () => {
    const late = this.#late;
    this.#late = [];
    this.#wait(this.#write(late, MAX_SLICES_MS_PER_TURN));
  };

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The socket has something to write. It is not to be added again before that is written. */
  add(socket: UnwrittenSocket): void {
    if (this.#sockets.push(socket) === 1) this.#environment.afterCallback(this.#flush);
  }

  #flushMany(sockets: readonly UnwrittenSocket[]): void {
    const share = this.#late.length === 0 ? 1 : SHARE_BESIDE_LATE;
    this.#wait(this.#write(sockets, share * MAX_SLICES_MS_PER_TURN));
  }

  /** Writes some for as long, at least a few; returns the others. */
  #write(sockets: readonly UnwrittenSocket[], ms: number): readonly UnwrittenSocket[] {
    const endMs = this.#environment.nowMs() + ms;
    let written = 0;
    do {
      const end = Math.min(sockets.length, written + SOCKETS_AT_ONCE);
      for (; written < end; written += 1) sockets[written]?.flush();
    } while (written < sockets.length && this.#environment.nowMs() < endMs);
    return sockets.slice(written);
  }

  #wait(sockets: readonly UnwrittenSocket[]): void {
    if (sockets.length === 0) return;
    if (this.#late.length === 0) this.#environment.atEndOfTurn(this.#flushLate);
    for (const socket of sockets) this.#late.push(socket);
  }
}
