/** The errors of a cluster. Their codes are stable, their messages are one line. */

import { messageOf } from '../error-message.js';
import type { ServerId, SlotId } from '../raft/types.js';

/** A call was not answered, since the server's thread ended first. */
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

  /** @param ids of all servers */
  constructor(id: number, ids: Iterable<ServerId>) {
    super(`there is no server ${id}: there are ${[...ids].join(', ')}`);
    this.name = 'UnknownServerError';
  }
}

/** The state of the server or of the cluster does not allow that. */
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

/** A change of members was given up: the old members serve on. */
export class MembersError extends Error {
  readonly code = 'MEMBERS_GIVEN_UP';

  constructor(reason: string) {
    super(`the change of members was given up: ${reason}`);
    this.name = 'MembersError';
  }
}

/** It did not happen in time. It may still happen. */
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

/** A server did not come up. `cause` is the error that its thread ended with. */
export class ServerStartError extends Error {
  readonly code = 'SERVER_START_FAILED';

  constructor(id: ServerId, cause: unknown) {
    super(`server ${id} did not start: ${messageOf(cause)}`, { cause });
    this.name = 'ServerStartError';
  }
}

/** Throws ServerStartError when the server has ended by itself since it was last up. */
export function throwFailure({ id, failure }: { readonly id: SlotId; readonly failure: unknown }): void {
  if (failure !== undefined) throw new ServerStartError(id, failure);
}
