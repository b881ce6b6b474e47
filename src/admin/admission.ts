/**
 * When a request is served: one at a time of each connection, a few at a time of all. The port is for those who operate the
 * cluster, and shares its thread with all clients' traffic: whoever floods it waits for his own answers.
 */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { AddressShares } from '../gateway/address-shares.js';
import { MAX_ADMIN_CALLS } from './admin-limits.js';
import { OwnTurns } from './own-turns.js';
import { isHealthCheck, isRead, pathOf } from './target.js';

/**
 * The kinds of calls: none takes the places of another, so that calls that wait for long keep nobody from looking at the cluster.
 * Those that are `apart` have limits of their own, or are answered at once.
 */
export type CallKind = 'look' | 'change' | 'long change' | 'apart';

export interface AdminCall {
  /** Comes first, once the connection's last request is answered. No other connection waits for it. */
  readonly admit?: () => Promise<void>;
  readonly call: () => Promise<void>;
  /** Answers with what one of the two before was rejected with. */
  readonly refuse: (error: unknown) => void;
  /** Resolves once the client's system has the whole answer, or the connection is gone. */
  readonly answered: () => Promise<void>;
  readonly kind: CallKind;
}

/** Paths whose answers take long: they have limits of their own. */
const STREAMS = new Set(['/api/live', '/api/backup']);

/** Changes that wait: for a server to catch up or to start, for an election, for a reply. */
const LONG_CHANGE = /^\/api\/(?:members|command|servers(?:\/\d+(?:\/(?:replace|restart|lead|pause))?)?)$/;

export function kindOf(request: Pick<IncomingMessage, 'method' | 'url'>): CallKind {
  const path = pathOf(request);
  // Whoever watches the process would end it if calls that wait for long kept the answer from him.
  if (STREAMS.has(path) || isHealthCheck(request)) return 'apart';
  if (isRead(request)) return 'look';
  return LONG_CHANGE.test(path) ? 'long change' : 'change';
}

export class Admission {
  /** Requests of a connection that are not answered. */
  readonly #unanswered = new WeakMap<Socket, number>();
  /** Resolves when the last request of a connection is answered. */
  readonly #last = new WeakMap<Socket, Promise<void>>();
  readonly #turns = new OwnTurns();
  readonly #places = { look: new Places(), change: new Places(), 'long change': new Places() };

  /** Whether a request of the connection waits for its answer, or for the client to take that. */
  isAnswering(socket: Socket): boolean {
    return (this.#unanswered.get(socket) ?? 0) > 0;
  }

  /**
   * Does the call once it is its turn, unless the connection is closed before; the next one of the connection waits for the
   * answer. In a turn of the event loop one request is begun, of whatever connection: clients of the cluster wait no longer for
   * those of many connections than for one.
   */
  async serve(socket: Socket, call: AdminCall): Promise<void> {
    const before = this.#last.get(socket);
    let done = () => {};
    this.#last.set(
      socket,
      new Promise((resolve) => {
        done = resolve;
      }),
    );
    this.#changeUnanswered(socket, 1);
    try {
      await before;
      await this.#turns.next();
      if (socket.destroyed) return;
      await this.#serveNow(socket, call).catch(call.refuse);
      // A client that does not read its answers keeps only itself waiting.
      await call.answered();
    } finally {
      this.#changeUnanswered(socket, -1);
      done();
    }
  }

  async #serveNow(socket: Socket, { admit, call, kind }: AdminCall): Promise<void> {
    if (admit !== undefined) await admit();
    const leave = kind === 'apart' ? undefined : await this.#places[kind].enter(socket.remoteAddress ?? '');
    try {
      if (!socket.destroyed) await call();
    } finally {
      leave?.();
    }
  }

  /** Pauses reading from a connection while more than one of its requests is unanswered. */
  #changeUnanswered(socket: Socket, by: 1 | -1): void {
    const before = this.#unanswered.get(socket);
    if (before === undefined) this.#keepPaused(socket);
    const count = (before ?? 0) + by;
    this.#unanswered.set(socket, count);
    if (count > 1) socket.pause();
    else if (by === -1 && !socket.destroyed) socket.resume();
  }

  /** Node has a socket go on after each request that is parsed, and after each that is answered, whoever has paused it. */
  #keepPaused(socket: Socket): void {
    const { resume } = socket;
    socket.resume = () => ((this.#unanswered.get(socket) ?? 0) > 1 ? socket : resume.call(socket));
  }
}

interface Waiting {
  readonly address: string;
  readonly enter: (leave: () => void) => void;
}

/** The places of one kind of calls. */
class Places {
  readonly #taken = new AddressShares();
  /** At most one per connection; a closed connection's call gives its place to the next. */
  readonly #waiting = new Set<Waiting>();

  /** Resolves once there is a place, to what gives it back. */
  enter(address: string): Promise<() => void> {
    return new Promise((enter) => {
      this.#waiting.add({ address, enter });
      this.#admit();
    });
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      const { address, enter } = waiting;
      if (this.#taken.isFullFor(address, MAX_ADMIN_CALLS)) continue;
      this.#waiting.delete(waiting);
      const giveBack = this.#taken.take(address);
      enter(() => {
        giveBack();
        this.#admit();
      });
    }
  }
}
