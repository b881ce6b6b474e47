/** What can go wrong with a cluster. The codes are stable, the messages are one line. */

import type { ServerId } from '../raft/types.js';

/** A call did not come back: the server's thread has ended meanwhile. */
export class ServerGoneError extends Error {
  readonly code = 'SERVER_GONE';

  constructor(id: ServerId) {
    super(`server ${id} ended before it answered: look at its state and try again`);
    this.name = 'ServerGoneError';
  }
}

/** There is no server of that number. */
export class UnknownServerError extends Error {
  readonly code = 'UNKNOWN_SERVER';

  constructor(id: number, serverCount: number) {
    super(`there is no server ${id}: they are numbered 0 to ${serverCount - 1}`);
    this.name = 'UnknownServerError';
  }
}

/** The server, or the cluster, is in no state in which that can be done. */
export class WrongStateError extends Error {
  readonly code = 'WRONG_STATE';

  constructor(reason: string) {
    super(reason);
    this.name = 'WrongStateError';
  }
}

/** The cluster has not started, or is closed. */
export class NotRunningError extends Error {
  readonly code = 'NOT_RUNNING';

  constructor() {
    super('the cluster is not running');
    this.name = 'NotRunningError';
  }
}

/** It did not happen within the time it was given. It still may. */
export class TimeoutError extends Error {
  readonly code = 'TIMEOUT';

  constructor(what: string, timeoutMs: number) {
    super(`${what} within ${timeoutMs} ms`);
    this.name = 'TimeoutError';
  }
}

/** A fault that was asked for makes no sense. */
export class FaultError extends Error {
  readonly code = 'BAD_FAULT';

  constructor(reason: string) {
    super(reason);
    this.name = 'FaultError';
  }
}

/** A server did not come up. `cause` is what its thread died of. */
export class ServerStartError extends Error {
  readonly code = 'SERVER_START_FAILED';

  constructor(id: ServerId, cause: unknown) {
    super(`server ${id} did not start: ${cause instanceof Error ? cause.message : 'it was killed'}`, {
      cause,
    });
    this.name = 'ServerStartError';
  }
}
